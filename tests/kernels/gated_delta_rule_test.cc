#include "kernels/ops/gated_delta_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

struct Shape {
  std::int64_t key_heads, value_heads, key_dim, value_dim;
};

// Queries, keys and values as they lie in the convolution's output: side by side within a token.
struct Sequence {
  Shape shape;
  std::int64_t tokens;
  Floats qkv;    // [tokens, channels]
  Floats decay;  // [tokens, value_heads]
  Floats beta;
  Floats initial_state;  // [value_heads, key_dim, value_dim]

  Sequence(const Shape& shape_, std::int64_t tokens_, float strongest_decay) : shape(shape_), tokens(tokens_) {
    Random random(17);
    qkv = random.normals(tokens * channels());
    ThreadPool pool(1);
    const float scale = 1.0F / std::sqrt(static_cast<float>(shape.key_dim));
    reference::l2_normalize({qkv.data(), tokens, shape.key_heads, shape.key_dim, channels(), scale}, pool);
    reference::l2_normalize({qkv.data() + keys(), tokens, shape.key_heads, shape.key_dim, channels(), 1.0F}, pool);
    decay = random.uniforms(tokens * shape.value_heads, -1.0F, 0.0F);
    for (float& g : decay) g = -strongest_decay * g * g * g * g;  // mostly mild
    beta = random.uniforms(tokens * shape.value_heads, 0.0F, 1.0F);
    initial_state = random.normals(shape.value_heads * shape.key_dim * shape.value_dim);
  }

  std::int64_t keys() const { return shape.key_heads * shape.key_dim; }
  std::int64_t channels() const { return 2 * keys() + shape.value_heads * shape.value_dim; }

  struct Result {
    Floats output;
    Floats state;
  };

  template <typename Function>
  Result run(Function function, const std::vector<std::int64_t>& calls, ThreadPool& pool) const {
    Result result{Floats(static_cast<std::size_t>(tokens * shape.value_heads * shape.value_dim)), initial_state};
    std::int64_t first = 0;
    for (const std::int64_t count : calls) {
      const float* token = qkv.data() + first * channels();
      function({.queries = token,
                .keys = token + keys(),
                .values = token + 2 * keys(),
                .query_stride = channels(),
                .key_stride = channels(),
                .value_stride = channels(),
                .decay = decay.data() + first * shape.value_heads,
                .beta = beta.data() + first * shape.value_heads,
                .state_inout = result.state.data(),
                .output = result.output.data() + first * shape.value_heads * shape.value_dim,
                .tokens = count,
                .key_heads = shape.key_heads,
                .value_heads = shape.value_heads,
                .key_dim = shape.key_dim,
                .value_dim = shape.value_dim},
               pool);
      first += count;
    }
    return result;
  }

  float tolerance() const { return 2e-5F * std::max(largest_magnitude(qkv), largest_magnitude(initial_state)); }
};

class GatedDeltaRuleTest : public PortableTest {
 protected:
  static void expect_close(const Sequence::Result& actual, const Sequence::Result& expected, const Sequence& sequence) {
    EXPECT_TRUE(within(actual.output, expected.output, sequence.tolerance()));
    EXPECT_TRUE(within(actual.state, expected.state, sequence.tolerance()));
  }
};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(GatedDeltaRuleTest);

TEST_P(GatedDeltaRuleTest, AgreesWithTheReference) {
  for (const Shape& shape : {Shape{2, 4, 32, 32}, Shape{3, 12, 12, 20}, Shape{2, 2, 17, 5}, Shape{1, 2, 128, 128}}) {
    for (const std::int64_t tokens : {1, 7, 8, 63, 64, 65, 133}) {
      SCOPED_TRACE(::testing::Message() << tokens << " tokens, heads of " << shape.key_dim << " x " << shape.value_dim);
      const Sequence sequence(shape, tokens, 6.0F);
      expect_close(sequence.run(portable::gated_delta_rule, {tokens}, pool_),
                   sequence.run(reference::gated_delta_rule, {tokens}, pool_), sequence);
    }
  }
}

TEST_P(GatedDeltaRuleTest, AnyMixtureOfPrefillAndDecodeAgrees) {
  const Sequence sequence({2, 4, 24, 40}, 150, 4.0F);
  const auto expected = sequence.run(reference::gated_delta_rule, {150}, pool_);
  for (const std::vector<std::int64_t>& calls :
       {std::vector<std::int64_t>{150}, {1, 149}, {100, 1, 1, 1, 47}, {0, 70, 3, 77}, {5, 5, 140}}) {
    expect_close(sequence.run(portable::gated_delta_rule, calls, pool_), expected, sequence);
  }
  expect_close(sequence.run(portable::gated_delta_rule, std::vector<std::int64_t>(150, 1), pool_), expected, sequence);
}

TEST_P(GatedDeltaRuleTest, NoDecayOverManyTokens) {
  const Sequence sequence({1, 1, 16, 16}, 700, 0.0F);
  expect_close(sequence.run(portable::gated_delta_rule, {700}, pool_),
               sequence.run(reference::gated_delta_rule, {700}, pool_), sequence);
}

// Decays whose exponentials overflow as soon as someone factors exp(G_i − G_j).
TEST_P(GatedDeltaRuleTest, StrongDecayStaysExact) {
  for (const float strongest : {100.0F, 1e4F, 1e30F}) {
    const Sequence sequence({2, 4, 16, 24}, 130, strongest);
    expect_close(sequence.run(portable::gated_delta_rule, {130}, pool_),
                 sequence.run(reference::gated_delta_rule, {130}, pool_), sequence);
  }
}

TEST_P(GatedDeltaRuleTest, InfiniteDecayForgetsEverything) {
  Sequence sequence({1, 2, 8, 8}, 100, 1.0F);
  for (const std::size_t token : {3U, 4U, 64U, 90U}) {
    sequence.decay[2 * token] = -std::numeric_limits<float>::infinity();
  }
  expect_close(sequence.run(portable::gated_delta_rule, {100}, pool_),
               sequence.run(reference::gated_delta_rule, {100}, pool_), sequence);
}

// After a strong decay the mild ones that follow must still count: their sum is small beside it.
TEST_P(GatedDeltaRuleTest, MildDecayAfterStrongKeepsItsDigits) {
  Sequence sequence({1, 1, 16, 16}, 64, 0.5F);
  for (std::size_t token = 0; token < 8; ++token) sequence.decay[token] = -1e6F;
  expect_close(sequence.run(portable::gated_delta_rule, {64}, pool_),
               sequence.run(reference::gated_delta_rule, {64}, pool_), sequence);
}

TEST_P(GatedDeltaRuleTest, ThreadsDoNotShow) {
  const Sequence sequence({2, 8, 32, 32}, 90, 5.0F);
  ThreadPool one(1), five(5);
  for (const std::vector<std::int64_t>& calls : {std::vector<std::int64_t>{90}, {88, 1, 1}}) {
    const auto a = sequence.run(portable::gated_delta_rule, calls, one);
    const auto b = sequence.run(portable::gated_delta_rule, calls, five);
    EXPECT_TRUE(same_bits(a.output, b.output));
    EXPECT_TRUE(same_bits(a.state, b.state));
  }
}

}  // namespace
}  // namespace nibble::kernels::testing
