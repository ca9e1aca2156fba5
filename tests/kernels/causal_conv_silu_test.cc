#include "kernels/ops/causal_conv_silu.h"

#include <gtest/gtest.h>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

struct Convolution {
  std::int64_t channels;
  std::int64_t kernel;
  Floats input;   // [tokens, channels]
  Floats weight;  // [kernel, channels]
  Floats state;   // [kernel − 1, channels]

  struct Result {
    Floats output;
    Floats state;
  };

  // The tokens in calls of the given lengths.
  template <typename Function>
  Result run(Function function, const std::vector<std::int64_t>& calls, ThreadPool& pool) const {
    Result result{Floats(input.size()), state};
    std::int64_t first = 0;
    for (const std::int64_t tokens : calls) {
      function({input.data() + first * channels, weight.data(), result.state.data(),
                result.output.data() + first * channels, tokens, channels, kernel},
               pool);
      first += tokens;
    }
    return result;
  }
};

Convolution random_convolution(std::int64_t tokens, std::int64_t channels, std::int64_t kernel) {
  Random random(11);
  return {channels, kernel, random.normals(tokens * channels), random.normals(kernel * channels),
          random.normals((kernel - 1) * channels)};
}

class CausalConvSiluTest : public PortableTest {};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(CausalConvSiluTest);

TEST_P(CausalConvSiluTest, AgreesWithTheReference) {
  for (const std::int64_t kernel : {1, 2, 4, 5}) {
    for (const std::int64_t tokens : {1, 2, 3, 4, 40}) {
      const Convolution conv = random_convolution(tokens, 37, kernel);
      const auto expected = conv.run(reference::causal_conv_silu, {tokens}, pool_);
      const auto actual = conv.run(portable::causal_conv_silu, {tokens}, pool_);
      EXPECT_TRUE(within(actual.output, expected.output, 1e-5F)) << kernel << " taps, " << tokens << " tokens";
      EXPECT_TRUE(same_bits(actual.state, expected.state)) << kernel << " taps, " << tokens << " tokens";
    }
  }
}

TEST_P(CausalConvSiluTest, SplitsAndThreadsDoNotShow) {
  const Convolution conv = random_convolution(50, 5301, 4);
  const auto whole = conv.run(portable::causal_conv_silu, {50}, pool_);
  ThreadPool one(1);
  for (const std::vector<std::int64_t>& calls :
       {std::vector<std::int64_t>{1, 1, 1, 1, 46}, {2, 1, 47}, {49, 0, 1}, {3, 44, 3}}) {
    const auto split = conv.run(portable::causal_conv_silu, calls, one);
    EXPECT_TRUE(same_bits(split.output, whole.output));
    EXPECT_TRUE(same_bits(split.state, whole.state));
  }
}

}  // namespace
}  // namespace nibble::kernels::testing
