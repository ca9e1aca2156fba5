// What calibration sees: the input of every linear layer, as hooks in transformers see it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "model/golden.h"
#include "support/test_files.h"

namespace nibble {
namespace {

using model::LogitsOf;
using testing::Golden;
using testing::must;
using testing::TestModel;

class AmaxObserver final : public model::LinearInputObserver {
 public:
  struct Seen {
    float amax = 0;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    int calls = 0;
  };

  void observe(std::string_view module, std::span<const float> input, std::int64_t cols) override {
    Seen& seen = modules[std::string(module)];
    EXPECT_EQ(static_cast<std::int64_t>(input.size()) % cols, 0);
    for (const float value : input) seen.amax = std::max(seen.amax, std::abs(value));
    seen.rows += static_cast<std::int64_t>(input.size()) / cols;
    seen.cols = cols;
    ++seen.calls;
  }

  std::map<std::string, Seen> modules;
};

AmaxObserver observe(const TestModel& model, std::span<const model::TokenId> ids, LogitsOf wanted) {
  AmaxObserver observer;
  std::vector<float> logits;
  must(model->forward(ids, *model.state(static_cast<std::int64_t>(ids.size())), wanted, logits, &observer));
  return observer;
}

void expect_amax_of_every_module(const std::filesystem::path& folder, const char* golden_name) {
  const Golden golden(golden_name);
  const TestModel model(folder);
  const AmaxObserver observer = observe(model, golden.ints("prompt65.ids"), LogitsOf::kAllTokens);

  std::set<std::string> expected, found;
  for (const std::string& module : golden.names_after("amax.")) {
    expected.insert(module);
    const auto seen = observer.modules.find(module);
    if (seen == observer.modules.end()) continue;
    const float amax = golden.floats("amax." + module).front();
    EXPECT_NEAR(seen->second.amax, amax, 1e-4F * amax) << module;
    EXPECT_EQ(seen->second.calls, 1) << module;
  }
  for (const auto& [module, seen] : observer.modules) found.insert(module);
  EXPECT_EQ(found, expected);
}

TEST(Observer, SeesWhatTransformersHooksSeeInTheTinyModel) {
  expect_amax_of_every_module(testing::tiny_folder(), "tiny");
}

TEST(Observer, SeesWhatTransformersHooksSeeInTheOddModel) { expect_amax_of_every_module(testing::odd_folder(), "odd"); }

TEST(Observer, Shapes) {
  const Golden golden("odd");
  const TestModel model(testing::odd_folder());
  const auto ids = golden.ints("prompt65.ids");
  const AmaxObserver observer = observe(model, ids, LogitsOf::kLastToken);
  const auto expect_shape = [&](const std::string& module, std::int64_t rows, std::int64_t cols) {
    const auto& seen = observer.modules.at(module);
    EXPECT_EQ(seen.rows, rows) << module;
    EXPECT_EQ(seen.cols, cols) << module;
  };
  const std::string layer = "model.language_model.layers.";
  expect_shape(layer + "0.self_attn.q_proj", 65, 80);
  expect_shape(layer + "0.self_attn.v_proj", 65, 80);
  expect_shape(layer + "0.self_attn.o_proj", 65, 6 * 128);
  expect_shape(layer + "1.linear_attn.in_proj_qkv", 65, 80);
  expect_shape(layer + "1.linear_attn.out_proj", 65, 8 * 32);
  expect_shape(layer + "4.mlp.gate", 65, 80);
  expect_shape(layer + "4.mlp.experts", 65, 80);
  expect_shape(layer + "4.mlp.experts.down_proj", 65 * 3, 32);
  expect_shape(layer + "4.mlp.shared_expert.down_proj", 65, 48);
  expect_shape("lm_head", 1, 80);
  EXPECT_FALSE(observe(model, ids, LogitsOf::kNone).modules.contains("lm_head"));
}

TEST(Observer, DoesNotChangeTheResult) {
  const Golden golden("odd");
  const TestModel model(testing::odd_folder());
  const auto ids = golden.ints("prompt65.ids");
  AmaxObserver observer;
  std::vector<float> logits;
  must(model->forward(ids, *model.state(65), LogitsOf::kAllTokens, logits, &observer));
  EXPECT_EQ(testing::largest_difference(logits, model.run(ids)), 0.0F);
}

}  // namespace
}  // namespace nibble
