// The NVFP4 block: 16 E2M1 codes along a row share one E4M3 block_scale, all blocks of a tensor one float32
// global_scale, and a value is e2m1 * (block_scale * global_scale). The encoding is ModelOpt's, operation by operation
// in float32, because its bytes are the reference (formats §1.2). Inputs must be finite.
#pragma once

#include <cstdint>

#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace nibble::numerics {

inline constexpr int kNvfp4Block = 16;
inline constexpr int kNvfp4BlockBytes = kNvfp4Block / 2;

// The block's value for code 1.0; decoding multiplies by it, encoding divides by it.
constexpr float nvfp4_step(std::uint8_t block_scale, float global_scale) {
  return e4m3_to_float(block_scale) * global_scale;
}

// The scale that maps the tensor's largest magnitude to 6 * head_room: 2688 for ModelOpt's head_room 448 (§1.2.1).
constexpr float nvfp4_global_scale(float tensor_amax, float head_room = kE4m3Max) {
  return tensor_amax / (kE2m1Max * head_room);
}

// The block scale of the max rule (§1.2.2): the block's largest magnitude becomes 6, and a quotient of zero becomes 1.0
// before the clamp, so that a block of zeros stores 0x38. global_scale is above 0.
constexpr std::uint8_t nvfp4_max_block_scale(float block_amax, float global_scale) {
  const float quotient = block_amax / (kE2m1Max * global_scale);
  if (quotient == 0) return kE4m3OneCode;
  return e4m3_from_float_saturating(quotient < kE4m3MinSubnormal ? kE4m3MinSubnormal : quotient);
}

// values[16] to packed[8]: element 2i in the low nibble of byte i, 2i+1 in the high one (§1.1). The step is above 0.
constexpr void nvfp4_encode_block(const float* values, float step, std::uint8_t* packed) {
  for (int i = 0; i < kNvfp4BlockBytes; ++i) {
    const std::uint8_t low = e2m1_from_float(values[2 * i] / step);
    const std::uint8_t high = e2m1_from_float(values[2 * i + 1] / step);
    packed[i] = static_cast<std::uint8_t>(low | (high << 4));
  }
}

constexpr void nvfp4_decode_block(const std::uint8_t* packed, float step, float* values) {
  for (int i = 0; i < kNvfp4BlockBytes; ++i) {
    values[2 * i] = e2m1_to_float(packed[i]) * step;
    values[2 * i + 1] = e2m1_to_float(packed[i] >> 4) * step;
  }
}

}  // namespace nibble::numerics
