// The rotary frequencies that a configuration means, against those of transformers.
#include <gtest/gtest.h>

#include <string>

#include "model/golden.h"
#include "model/qwen36/qwen36_model.h"

namespace nibble {
namespace {

using testing::Golden;

void expect_frequencies(const checkpoint::TextConfig& config, const std::string& name) {
  const Golden golden("odd");
  const auto expected = golden.floats(name + ".inv_freq");
  const kernels::RopeTables tables(model::qwen36::rope_parameters(config));
  const auto found = tables.inverse_frequencies();
  ASSERT_EQ(found.size(), expected.size()) << name;
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 2e-7F * expected[i]) << name << i;
  EXPECT_FLOAT_EQ(tables.attention_factor(), golden.floats(name + ".scaling").front()) << name;
}

checkpoint::TextConfig official() {
  checkpoint::TextConfig config;
  config.head_dim = 256;
  config.rope.theta = 1e7;
  config.rope.partial_rotary_factor = 0.25;
  config.rope.mrope_section = {11, 11, 10};
  return config;
}

checkpoint::TextConfig odd_yarn() {
  checkpoint::TextConfig config;
  config.head_dim = 128;
  config.rope.theta = 1e4;
  config.rope.partial_rotary_factor = 0.25;
  config.rope.mrope_section = {6, 5, 5};
  config.rope.yarn_factor = 4.0;
  config.rope.yarn_original_context = 128;
  config.rope.yarn_beta_fast = 8.0;
  return config;
}

TEST(Rope, Default) { expect_frequencies(official(), "rope_default"); }

TEST(Rope, YarnOfTheOfficialModel) {
  checkpoint::TextConfig config = official();
  config.rope.yarn_factor = 4.0;
  config.rope.yarn_original_context = 262144;
  expect_frequencies(config, "rope_yarn");
}

TEST(Rope, YarnWithAShortRamp) { expect_frequencies(odd_yarn(), "rope_odd"); }

TEST(Rope, YarnWithItsOwnAttentionFactor) {
  checkpoint::TextConfig config = odd_yarn();
  config.rope.yarn_beta_slow = 2.0;
  config.rope.yarn_attention_factor = 0.875;
  expect_frequencies(config, "rope_fixed");
}

}  // namespace
}  // namespace nibble
