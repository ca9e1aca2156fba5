// Logits and greedy continuations against transformers in float32 (tools/golden/model_logits.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/file.h"
#include "kernels/dispatch.h"
#include "model/golden.h"
#include "support/test_files.h"

namespace nibble {
namespace {

using model::LogitsOf;
using model::TokenId;
using testing::expect_golden_logits;
using testing::Golden;
using testing::kLogitBound;
using testing::must;
using testing::TestModel;

struct Reference {
  std::string golden;
  std::filesystem::path folder;
};

Reference tiny() { return {"tiny", testing::tiny_folder()}; }
Reference odd() { return {"odd", testing::odd_folder()}; }

void expect_all_prompts(const Reference& reference, std::size_t longest) {
  const Golden golden(reference.golden);
  const TestModel model(reference.folder);
  for (const int length : {1, 3, 63, 64, 65, 300}) {
    const std::string prompt = "prompt" + std::to_string(length);
    const auto ids = golden.ints(prompt + ".ids");
    ASSERT_EQ(ids.size(), static_cast<std::size_t>(length));
    if (ids.size() <= longest) expect_golden_logits(golden, prompt, model.run(ids), model.vocab());
  }
}

TEST(Logits, TinyAgreesWithTransformers) { expect_all_prompts(tiny(), 300); }
TEST(Logits, OddAgreesWithTransformers) { expect_all_prompts(odd(), 300); }

// The naive kernels are the oracle of the others, so they must be right by themselves; long prompts take them too long.
TEST(Logits, ReferenceKernelsAgreeWithTransformers) {
  must(kernels::use_isa("reference"));
  expect_all_prompts(tiny(), 65);
  expect_all_prompts(odd(), 65);
  must(kernels::use_isa(""));
}

// Runs the odd checkpoint with `from` replaced by `to` in its config.json, at least once.
void expect_changed_config(const std::string& from, const std::string& to, const std::string& prompt) {
  const testing::TemporaryFolder folder;
  std::string config = testing::must_read(testing::odd_folder() / "config.json");
  std::size_t changes = 0;
  for (std::size_t at = 0; (at = config.find(from, at)) != std::string::npos; at += to.size(), ++changes) {
    config.replace(at, from.size(), to);
  }
  ASSERT_GT(changes, 0U);
  must(write_file(folder / "config.json", config));
  std::filesystem::create_symlink(testing::odd_folder() / "model.safetensors", folder / "model.safetensors");

  const Golden golden("odd");
  const TestModel model(folder.path());
  expect_golden_logits(golden, prompt, model.run(golden.ints(prompt + ".ids")), model.vocab());
}

TEST(Logits, YarnBeyondTheOriginalContext) {
  expect_changed_config(R"("rope_type": "default")",
                        R"("rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, )"
                        R"("beta_fast": 8.0)",
                        "yarn");
}

TEST(Logits, TiedEmbeddings) {
  expect_changed_config(R"("tie_word_embeddings": false)", R"("tie_word_embeddings": true)", "tied");
}

// Follows the golden's tokens, so that one near tie does not end the comparison.
void expect_greedy(const Reference& reference, const std::string& name) {
  const Golden golden(reference.golden);
  const TestModel model(reference.folder);
  const auto prompt = golden.ints(name + ".prompt");
  const auto tokens = golden.ints(name + ".tokens");
  const auto margins = golden.floats(name + ".margins");
  ASSERT_EQ(tokens.size(), 100U);

  const auto state = model.state(static_cast<std::int64_t>(prompt.size() + tokens.size()));
  std::vector<float> logits = model.run(prompt, *state, LogitsOf::kLastToken);
  for (std::size_t step = 0; step < tokens.size(); ++step) {
    const auto best = std::ranges::max_element(logits) - logits.begin();
    if (margins[step] > kLogitBound) {
      EXPECT_EQ(best, tokens[step]) << name << " step " << step;
    }
    const TokenId next[] = {tokens[step]};
    logits = model.run(next, *state, LogitsOf::kLastToken);
  }
}

TEST(Greedy, TinyContinuesAsTransformers) {
  for (const char* name : {"greedy_prompt3", "greedy_prompt63", "greedy_prompt64"}) expect_greedy(tiny(), name);
}

TEST(Greedy, OddContinuesAsTransformers) {
  for (const char* name : {"greedy_prompt3", "greedy_prompt64"}) expect_greedy(odd(), name);
}

}  // namespace
}  // namespace nibble
