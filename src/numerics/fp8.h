// FP8 with one scale for the tensor, as ModelOpt writes weights: value = e4m3 * scale.
#pragma once

#include <cstdint>

#include "numerics/bf16.h"
#include "numerics/e4m3.h"

namespace nibble::numerics {

// Weights and activations alike: the largest magnitude becomes 448 (formats §1.1).
constexpr float fp8_scale(float amax) { return amax / kE4m3Max; }

// The quotient is rounded to BF16 and then to E4M3: two roundings, because ModelOpt divides a BF16 tensor
// (formats §1.2.7).
constexpr std::uint8_t fp8_encode_weight(float weight, float scale) {
  return e4m3_from_float(bf16_to_float(bf16_from_float(weight / scale)));
}

constexpr float fp8_decode(std::uint8_t code, float scale) { return e4m3_to_float(code) * scale; }

}  // namespace nibble::numerics
