// Operations that treat every row or element by itself: norms, rotary embedding, activations, residual stream.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"
#include "kernels/rope_tables.h"

namespace nibble::kernels::testing {
namespace {

class RowsTest : public PortableTest {
 protected:
  Random random_{7};
};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(RowsTest);

constexpr float kEpsilon = 1e-6F;

TEST_P(RowsTest, RmsNorm) {
  for (const std::int64_t width : {1, 7, 16, 67, 256}) {
    const std::int64_t rows = 9;
    Floats input = random_.normals(rows * width, 5.0F);
    std::fill_n(input.begin(), width, 0.0F);  // a row of zeros: epsilon alone stands under the root
    const Floats weight = random_.normals(width);
    Floats expected(input.size()), actual = input;
    reference::rms_norm({input.data(), weight.data(), expected.data(), rows, width, kEpsilon}, pool_);
    portable::rms_norm({actual.data(), weight.data(), actual.data(), rows, width, kEpsilon}, pool_);  // in place
    EXPECT_TRUE(within_relative(actual, expected, 2e-6F)) << width;
  }
}

TEST_P(RowsTest, GatedRmsNorm) {
  for (const std::int64_t width : {1, 20, 32, 67}) {
    const std::int64_t rows = 11;
    const Floats input = random_.normals(rows * width), weight = random_.normals(width);
    Floats gate = random_.normals(rows * width, 10.0F);
    gate[0] = -95.0F;  // silu(−95) is subnormal
    Floats expected(input.size()), actual = input;
    reference::gated_rms_norm({input.data(), gate.data(), weight.data(), expected.data(), rows, width, kEpsilon},
                              pool_);
    portable::gated_rms_norm({actual.data(), gate.data(), weight.data(), actual.data(), rows, width, kEpsilon}, pool_);
    EXPECT_TRUE(within_relative(actual, expected, 4e-6F, 1e-37F)) << width;
  }
}

TEST_P(RowsTest, L2NormalizeTouchesOnlyItsHeads) {
  const std::int64_t tokens = 5, heads = 3, head_dim = 19, stride = heads * head_dim + 6;
  const Floats input = random_.normals(tokens * stride);
  Floats expected = input, actual = input;
  reference::l2_normalize({expected.data(), tokens, heads, head_dim, stride, 0.23F}, pool_);
  portable::l2_normalize({actual.data(), tokens, heads, head_dim, stride, 0.23F}, pool_);
  EXPECT_TRUE(within_relative(actual, expected, 2e-6F));
  for (std::size_t i = static_cast<std::size_t>(heads * head_dim); i < static_cast<std::size_t>(stride); ++i) {
    EXPECT_EQ(actual[i], input[i]);
  }
}

TEST_P(RowsTest, RopeRotatesTheFirstDimensions) {
  const std::int64_t tokens = 6, heads = 3, head_dim = 22, rotary_dim = 10;
  const RopeTables tables({.theta = 1e4, .rotary_dim = rotary_dim});
  std::vector<RopePosition> positions;
  for (std::int32_t t = 0; t < tokens; ++t) positions.push_back(text_position(1000 * t));
  Floats cos(static_cast<std::size_t>(tokens * rotary_dim / 2)), sin(cos.size());
  tables.fill(positions, cos.data(), sin.data());

  const Floats input = random_.normals(tokens * heads * head_dim);
  Floats expected = input, actual = input;
  reference::rope({expected.data(), cos.data(), sin.data(), tokens, heads, head_dim, rotary_dim}, pool_);
  portable::rope({actual.data(), cos.data(), sin.data(), tokens, heads, head_dim, rotary_dim}, pool_);
  EXPECT_TRUE(within(actual, expected, 2e-6F));
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (i % static_cast<std::size_t>(head_dim) >= static_cast<std::size_t>(rotary_dim)) {
      EXPECT_EQ(actual[i], input[i]) << i;
    }
  }
}

// Around 0, where the two branches of σ meet, and far out, where a careless exponential overflows.
const Floats kGates = {0.0F,   -0.0F,  1e-8F,  -1e-8F,  0.5F,   -0.5F,  3.0F,    -3.0F,  20.0F,
                       -20.0F, 87.0F,  -87.0F, 88.8F,   -88.8F, 103.0F, -103.0F, 500.0F, -500.0F,
                       1e30F,  -1e30F, 0.25F,  -0.125F, 7.0F,   -7.0F,  12.5F,   -12.5F, 1.0F};

TEST_P(RowsTest, SigmoidGate) {
  const auto count = static_cast<std::int64_t>(kGates.size());
  Floats expected = random_.normals(count), actual = expected;
  reference::sigmoid_gate({expected.data(), kGates.data(), count}, pool_);
  portable::sigmoid_gate({actual.data(), kGates.data(), count}, pool_);
  EXPECT_TRUE(within_relative(actual, expected, 1e-6F, 1e-37F));
}

TEST_P(RowsTest, Swiglu) {
  const auto count = static_cast<std::int64_t>(kGates.size());
  const Floats up = random_.normals(count);
  Floats expected(kGates.size()), actual = kGates;
  reference::swiglu({kGates.data(), up.data(), expected.data(), count}, pool_);
  portable::swiglu({actual.data(), up.data(), actual.data(), count}, pool_);  // over the gate
  EXPECT_TRUE(within_relative(actual, expected, 1e-6F, 1e-37F));
}

TEST_P(RowsTest, GateOfNanIsNan) {
  const Floats gate(19, std::nanf(""));
  Floats y(19, 1.0F), product(19);
  portable::sigmoid_gate({y.data(), gate.data(), 19}, pool_);
  portable::swiglu({gate.data(), gate.data(), product.data(), 19}, pool_);
  for (std::size_t i = 0; i < 19; ++i) EXPECT_TRUE(std::isnan(y[i]) && std::isnan(product[i])) << i;
}

TEST_P(RowsTest, ElementHasTheSameBitsWhereverItStands) {
  const Floats gate = random_.normals(45, 5.0F), up = random_.normals(45);
  Floats together(45);
  portable::swiglu({gate.data(), up.data(), together.data(), 45}, pool_);
  for (std::size_t i = 0; i < 45; ++i) {
    float alone = 0;
    portable::swiglu({&gate[i], &up[i], &alone, 1}, pool_);
    EXPECT_TRUE(same_bits({&alone, 1}, {&together[i], 1})) << i;
  }
}

TEST_P(RowsTest, Add) {
  const Floats addend = random_.normals(700'003);
  Floats expected = random_.normals(700'003), actual = expected;
  reference::add({expected.data(), addend.data(), 700'003}, pool_);
  portable::add({actual.data(), addend.data(), 700'003}, pool_);
  EXPECT_TRUE(same_bits(actual, expected));
}

TEST_P(RowsTest, GatedAdd) {
  const auto tokens = static_cast<std::int64_t>(kGates.size()), width = std::int64_t{13};
  const Floats addend = random_.normals(tokens * width);
  Floats expected = random_.normals(tokens * width), actual = expected;
  reference::gated_add({expected.data(), addend.data(), kGates.data(), tokens, width}, pool_);
  portable::gated_add({actual.data(), addend.data(), kGates.data(), tokens, width}, pool_);
  EXPECT_TRUE(within(actual, expected, 2e-6F));
}

TEST_P(RowsTest, DeltaGates) {
  const auto tokens = static_cast<std::int64_t>(kGates.size()), heads = std::int64_t{3};
  Floats a, b;
  for (const float gate : kGates) {
    a.insert(a.end(), {gate, -gate, gate / 2});
    b.insert(b.end(), {-gate, gate, gate / 3});
  }
  const Floats a_log = {-4.0F, 0.0F, 2.7F}, dt_bias = {1.0F, -3.0F, 0.3F};
  Floats expected_decay(a.size()), expected_beta(a.size());
  reference::delta_gates(
      {a.data(), b.data(), a_log.data(), dt_bias.data(), expected_decay.data(), expected_beta.data(), tokens, heads},
      pool_);
  portable::delta_gates({a.data(), b.data(), a_log.data(), dt_bias.data(), a.data(), b.data(), tokens, heads}, pool_);
  EXPECT_TRUE(within_relative(a, expected_decay, 2e-6F, 1e-30F));
  EXPECT_TRUE(within_relative(b, expected_beta, 2e-6F, 1e-30F));
}

}  // namespace
}  // namespace nibble::kernels::testing
