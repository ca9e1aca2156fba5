// The block rules in isolation; whole tensors against ModelOpt's bytes are in tests/quantize.
#include "numerics/nvfp4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "numerics/fp8.h"

namespace nibble::numerics {
namespace {

TEST(Nvfp4, ConstantsOfTheFormat) {
  EXPECT_EQ(kNvfp4Block, 16);
  EXPECT_EQ(nvfp4_global_scale(1.0F), 1.0F / 2688.0F);
  EXPECT_EQ(nvfp4_global_scale(1.0F, 256.0F), 1.0F / 1536.0F);
}

TEST(Nvfp4, MaxBlockScale) {
  const float global_scale = nvfp4_global_scale(2.0F);
  EXPECT_EQ(nvfp4_max_block_scale(2.0F, global_scale), kE4m3MaxCode);
  EXPECT_EQ(nvfp4_max_block_scale(0.0F, global_scale), kE4m3OneCode);
  // Above zero but below the smallest scale: clamped up, never erased.
  EXPECT_EQ(nvfp4_max_block_scale(1e-9F, global_scale), 0x01);
  // A block beyond the tensor's amax (one shared with a smaller one) saturates.
  EXPECT_EQ(nvfp4_max_block_scale(100.0F, global_scale), kE4m3MaxCode);
  EXPECT_EQ(nvfp4_max_block_scale(1.0F, std::numeric_limits<float>::min()), kE4m3MaxCode);
}

TEST(Nvfp4, TiesGoToEvenCodes) {
  const std::array<float, 7> bounds = {0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
  const std::array<std::uint8_t, 7> expected = {0, 2, 2, 4, 4, 6, 6};
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    EXPECT_EQ(e2m1_code_of_magnitude(bounds[i]), expected[i]);
    EXPECT_EQ(e2m1_code_of_magnitude(std::nextafter(bounds[i], 0.0F)), i);
    EXPECT_EQ(e2m1_code_of_magnitude(std::nextafter(bounds[i], 10.0F)), i + 1);
  }
}

TEST(Nvfp4, SignBitSaysBelowZero) {
  EXPECT_EQ(e2m1_from_float(-1e-30F), 8);
  EXPECT_EQ(e2m1_from_float(-0.0F), 0);
  EXPECT_EQ(e2m1_from_float(-1e30F), 15);
}

TEST(Nvfp4, EncodeDecodeIsWithinHalfAStepOfTheGrid) {
  std::array<float, kNvfp4Block> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i * i)) * 0.1F;
  float amax = 0;
  for (const float value : values) amax = std::max(amax, std::fabs(value));
  const float global_scale = nvfp4_global_scale(amax);
  const float step = nvfp4_step(nvfp4_max_block_scale(amax, global_scale), global_scale);
  std::array<std::uint8_t, kNvfp4BlockBytes> packed{};
  std::array<float, kNvfp4Block> decoded{};
  nvfp4_encode_block(values.data(), step, packed.data());
  nvfp4_decode_block(packed.data(), step, decoded.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const float candidate : kE2m1Values) {
      EXPECT_LE(std::fabs(values[i] - decoded[i]), std::fabs(values[i] - candidate * step) + 1e-9F);
    }
  }
}

TEST(Fp8, WeightIsRoundedToBf16First) {
  // 1 + 2^-4 + 2^-9 lies above the tie 1.0625 between the E4M3 values 1 and 1.125, but BF16 rounds it onto the tie.
  const float weight = 1.0F + 0x1p-4F + 0x1p-9F;
  EXPECT_EQ(e4m3_from_float(weight), 0x39);
  EXPECT_EQ(fp8_encode_weight(weight, 1.0F), 0x38);
  EXPECT_EQ(fp8_scale(448.0F), 1.0F);
}

}  // namespace
}  // namespace nibble::numerics
