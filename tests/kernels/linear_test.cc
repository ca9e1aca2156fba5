#include "kernels/ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

using numerics::WeightFormat;

constexpr WeightFormat kFormats[] = {WeightFormat::kF32, WeightFormat::kF16, WeightFormat::kBf16, WeightFormat::kFp8,
                                     WeightFormat::kNvfp4};

using LinearFunction = void (*)(const LinearArgs&, ThreadPool&) noexcept;

Floats product(LinearFunction function, const numerics::MatrixView& weight, const Floats& input, ThreadPool& pool) {
  const auto tokens = static_cast<std::int64_t>(input.size()) / weight.cols;
  Floats output(static_cast<std::size_t>(tokens * weight.rows), -1.0F);
  function({.weight = weight, .input = input.data(), .output = output.data(), .tokens = tokens}, pool);
  return output;
}

class LinearTest : public PortableTest {};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(LinearTest);

TEST_P(LinearTest, AgreesWithTheReferenceInEveryFormat) {
  Random random(1);
  struct Case {
    std::int64_t tokens, rows, cols;
  };
  // Around the edges of tiles, panels and vectors; 48 is the narrowest NVFP4 width that is no power of two.
  for (const auto [tokens, rows, cols] :
       {Case{1, 1, 48}, Case{3, 19, 48}, Case{5, 16, 80}, Case{70, 33, 272}, Case{2, 130, 64}}) {
    for (const WeightFormat format : kFormats) {
      const RandomWeight weight(format, rows, cols, random);
      const Floats input = random.normals(tokens * cols);
      Floats tolerance = magnitude_of_product(weight.view(), input, tokens);
      for (float& t : tolerance) t *= 1e-5F;
      EXPECT_TRUE(within(product(portable::linear, weight.view(), input, pool_),
                         product(reference::linear, weight.view(), input, pool_), tolerance))
          << numerics::weight_format_name(format) << " " << tokens << " x " << rows << " x " << cols;
    }
  }
}

TEST_P(LinearTest, TakesWidthsThatFillNoVector) {
  Random random(2);
  for (const std::int64_t cols : {1, 3, 15, 17, 31, 33}) {
    const RandomWeight weight(WeightFormat::kBf16, 5, cols, random);
    const Floats input = random.normals(7 * cols);
    Floats tolerance = magnitude_of_product(weight.view(), input, 7);
    for (float& t : tolerance) t *= 1e-5F;
    EXPECT_TRUE(within(product(portable::linear, weight.view(), input, pool_),
                       product(reference::linear, weight.view(), input, pool_), tolerance))
        << cols;
  }
}

// Every code of every small format, NaNs and subnormals included, at every place of a vector.
TEST_P(LinearTest, DecodesRowsAsNumericsDoes) {
  std::vector<std::byte> bytes(2 * 65536 + 1);
  for (std::size_t i = 0; i < 65536; ++i) {  // all BF16 codes; seen as bytes, all FP8 and E2M1 codes
    bytes[2 * i + 1] = static_cast<std::byte>(i & 0xFF);
    bytes[2 * i + 2] = static_cast<std::byte>(i >> 8);
  }
  for (const WeightFormat format : kFormats) {
    for (const std::int64_t cols : {16, 48, 4096, 4093}) {
      if (format == WeightFormat::kNvfp4 && cols % 16 != 0) continue;
      numerics::MatrixView weight{
          .format = format, .rows = format == WeightFormat::kF32 ? 3 : 16, .cols = cols, .data = bytes.data() + 1};
      weight.block_scales = bytes.data() + 3;
      weight.global_scale = 0.37F;
      for (std::int64_t row = 0; row < weight.rows; ++row) {
        Floats expected(static_cast<std::size_t>(cols)), actual(expected.size());
        numerics::decode_row(weight, row, expected.data());
        portable::simd().decode_row(weight, row, actual.data());
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
          ASSERT_TRUE(same_bits({&actual[i], 1}, {&expected[i], 1}))
              << numerics::weight_format_name(format) << " row " << row << " column " << i;
        }
      }
    }
  }
}

TEST_P(LinearTest, TokenHasTheSameBitsInEveryBatch) {
  Random random(3);
  for (const std::int64_t cols : {96, 101}) {
    const RandomWeight weight(WeightFormat::kF32, 37, cols, random);
    const Floats input = random.normals(130 * cols);
    const Floats together = product(portable::linear, weight.view(), input, pool_);
    for (const std::int64_t t : {0, 1, 63, 64, 128, 129}) {
      const Floats alone(input.begin() + t * cols, input.begin() + (t + 1) * cols);
      EXPECT_TRUE(same_bits(product(portable::linear, weight.view(), alone, pool_),
                            std::span(together).subspan(static_cast<std::size_t>(t * 37), 37)))
          << "token " << t << ", " << cols << " columns";
    }
  }
}

TEST_P(LinearTest, ThreadsDoNotShow) {
  Random random(4);
  const RandomWeight weight(WeightFormat::kBf16, 300, 512, random);
  const Floats input = random.normals(90 * 512);
  ThreadPool one(1), five(5);
  EXPECT_TRUE(same_bits(product(portable::linear, weight.view(), input, one),
                        product(portable::linear, weight.view(), input, five)));
}

TEST_P(LinearTest, NoTokensIsNoWork) {
  Random random(5);
  const RandomWeight weight(WeightFormat::kF32, 4, 8, random);
  EXPECT_TRUE(product(portable::linear, weight.view(), {}, pool_).empty());
}

}  // namespace
}  // namespace nibble::kernels::testing
