// Logits and greedy continuations against transformers in float32 (tools/golden/model_logits.py).
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "kernels/dispatch.h"
#include "model/golden.h"

namespace nibble {
namespace {

using testing::expect_all_prompts;
using testing::expect_golden_greedy;
using testing::expect_golden_logits;
using testing::Golden;
using testing::must;
using testing::TestModel;

TEST(Logits, TinyAgreesWithTransformers) { expect_all_prompts(Golden("tiny"), TestModel(testing::tiny_folder())); }
TEST(Logits, OddAgreesWithTransformers) { expect_all_prompts(Golden("odd"), TestModel(testing::odd_folder())); }

// The naive kernels are the oracle of the others, so they must be right by themselves; long prompts take them too long.
TEST(Logits, ReferenceKernelsAgreeWithTransformers) {
  must(kernels::use_isa("reference"));
  expect_all_prompts(Golden("tiny"), TestModel(testing::tiny_folder()), 65);
  expect_all_prompts(Golden("odd"), TestModel(testing::odd_folder()), 65);
  must(kernels::use_isa(""));
}

void expect_changed_config(std::string_view from, std::string_view to, const std::string& prompt) {
  const testing::OddWithConfig folder(from, to);
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

TEST(Greedy, TinyContinuesAsTransformers) {
  const TestModel model(testing::tiny_folder());
  for (const char* name : {"greedy_prompt3", "greedy_prompt63", "greedy_prompt64"}) {
    expect_golden_greedy(Golden("tiny"), name, model);
  }
}

TEST(Greedy, OddContinuesAsTransformers) {
  const TestModel model(testing::odd_folder());
  for (const char* name : {"greedy_prompt3", "greedy_prompt64"}) expect_golden_greedy(Golden("odd"), name, model);
}

}  // namespace
}  // namespace nibble
