// Compiled as C++20 (CMakeLists.txt), and evaluated by the compiler: the formats are constexpr.
#include <limits>

#include "numerics/bf16.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "numerics/e8m0.h"
#include "numerics/f16.h"
#include "numerics/fp8.h"
#include "numerics/matrix_view.h"
#include "numerics/nvfp4.h"

static_assert(__cplusplus < 202300L);

namespace nibble::numerics {

static_assert(bf16_from_float(1.0F) == 0x3F80 && bf16_to_float(0xBF80) == -1.0F);
static_assert(bf16_from_float(std::numeric_limits<float>::max()) == 0x7F80);
static_assert(f16_from_float(65519.0F) == 0x7BFF && f16_from_float(65520.0F) == 0x7C00);
static_assert(f16_to_float(0x0001) == 0x1p-24F && f16_to_float(0x3C00) == 1.0F);
static_assert(e4m3_to_float(kE4m3MaxCode) == kE4m3Max && e4m3_to_float(kE4m3OneCode) == 1.0F);
static_assert(e4m3_from_float(464.0F) == kE4m3MaxCode && e4m3_from_float(464.1F) == kE4m3NanCode);
static_assert(e4m3_from_float_saturating(-1e9F) == 0xFE);
static_assert(e2m1_from_float(-0.25F) == 8 && e2m1_from_float(-0.0F) == 0);
static_assert(e8m0_to_float(0) == 0x1p-127F && e8m0_from_float(1.5F) == 128);
static_assert(fp8_encode_weight(3.0F, 3.0F) == kE4m3OneCode && fp8_decode(kE4m3OneCode, 3.0F) == 3.0F);
static_assert(nvfp4_global_scale(2688.0F) == 1.0F && nvfp4_max_block_scale(0.0F, 1.0F) == kE4m3OneCode);

constexpr bool block_round_trips() {
  float values[kNvfp4Block] = {};
  for (int i = 0; i < kNvfp4Block; ++i) values[i] = kE2m1Values[i] * 0.5F;
  std::uint8_t packed[kNvfp4BlockBytes] = {};
  float decoded[kNvfp4Block] = {};
  nvfp4_encode_block(values, 0.5F, packed);
  nvfp4_decode_block(packed, 0.5F, decoded);
  for (int i = 0; i < kNvfp4Block; ++i) {
    if (decoded[i] != values[i]) return false;
  }
  return packed[0] == 0x10 && packed[7] == 0xFE;
}
static_assert(block_round_trips());

}  // namespace nibble::numerics
