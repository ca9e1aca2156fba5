// Hard weights against ModelOpt's bytes (tools/golden/modelopt_edges.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "numerics/bf16.h"
#include "numerics/e4m3.h"
#include "quantize/quantized_folder.h"
#include "quantize/rounding.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

using checkpoint::TensorStore;
using nibble::testing::golden_path;
using nibble::testing::must;

struct Encoded {
  float global_scale = 0;
  std::vector<std::byte> codes;
  std::vector<std::byte> block_scales;
};

class EdgesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::span<const std::byte> golden(std::string_view suffix) const {
    return tensor_bytes(store_, std::string(GetParam()) + std::string(suffix));
  }
  float golden_global_scale() const {
    float scale = 0;
    std::memcpy(&scale, golden(".weight_scale_2").data(), sizeof scale);
    return scale;
  }

  // The whole matrix as one row: blocks do not know of rows.
  std::vector<float> weights() const {
    const auto bytes = golden(".input");
    std::vector<float> values(bytes.size() / 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, bytes.data() + 2 * i, sizeof bits);
      values[i] = numerics::bf16_to_float(bits);
    }
    return values;
  }

  Encoded encoded() const {
    const std::vector<float> values = weights();
    float amax = 0;
    for (const float value : values) amax = std::max(amax, std::fabs(value));
    Encoded result{nvfp4_tensor_scale(amax, {}), std::vector<std::byte>(values.size() / 2),
                   std::vector<std::byte>(values.size() / 16)};
    round_row_to_nvfp4(values, result.global_scale, {}, result.codes.data(), result.block_scales.data());
    return result;
  }

  TensorStore store_ = must(TensorStore::open_file(golden_path("quantize/edges.safetensors")));
};

TEST_P(EdgesTest, BytesEqualModelOpt) {
  const Encoded ours = encoded();
  EXPECT_EQ(ours.global_scale, golden_global_scale());
  EXPECT_TRUE(std::ranges::equal(ours.block_scales, golden(".weight_scale")));
  EXPECT_TRUE(std::ranges::equal(ours.codes, golden(".weight")));
}

INSTANTIATE_TEST_SUITE_P(Cases, EdgesTest,
                         ::testing::Values("random", "ties", "scale_ties", "spread", "mixed", "denormal",
                                           "one_denormal", "huge", "all_equal"),
                         [](const auto& edge) { return std::string(edge.param); });

// The one case where ModelOpt's bytes are not wanted: its global scale of a tensor of zeros is 0, its block scales 0/0,
// and the tensor decodes to NaN.
using ZeroTensorTest = EdgesTest;

TEST_P(ZeroTensorTest, DecodesToZerosWhereModelOptWritesNan) {
  EXPECT_EQ(golden_global_scale(), 0.0F);
  for (const std::byte scale : golden(".weight_scale")) {
    EXPECT_TRUE(numerics::e4m3_is_nan(std::to_integer<std::uint8_t>(scale)));
  }
  const Encoded ours = encoded();
  EXPECT_EQ(ours.global_scale, 1.0F);
  EXPECT_TRUE(std::ranges::all_of(ours.block_scales, [](std::byte scale) { return scale == std::byte{0x38}; }));
  EXPECT_TRUE(std::ranges::all_of(ours.codes, [](std::byte pair) { return pair == std::byte{0}; }));
}

INSTANTIATE_TEST_SUITE_P(Zeros, ZeroTensorTest, ::testing::Values("zeros"));

TEST(RoundToFp8, SumsWhatItLoses) {
  const std::vector<float> values = {448.0F, 1.0F, -0.3F, 0.0F};
  std::vector<std::byte> codes(values.size());
  const float scale = fp8_tensor_scale(448.0F);
  const RoundingError error = round_row_to_fp8(values, scale, codes.data());
  EXPECT_EQ(codes[0], std::byte{0x7E});
  EXPECT_EQ(codes[1], std::byte{0x38});
  EXPECT_EQ(codes[3], std::byte{0x00});
  const double lost = 0.3F - 0.3125;  // the nearest E4M3 value
  EXPECT_DOUBLE_EQ(error.squared_error, lost * lost);
  EXPECT_NEAR(error.squared_magnitude, 448.0 * 448 + 1 + 0.09, 1e-6);
  EXPECT_EQ(fp8_tensor_scale(0.0F), 1.0F);
}

}  // namespace
}  // namespace nibble::quantize
