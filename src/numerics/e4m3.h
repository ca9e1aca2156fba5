// E4M3FN, the 8-bit float of weights and block scales: bias 7, largest value 448 (0x7E), smallest 2^-9 (0x01), NaN 0x7F
// and 0xFF, no infinity (formats §0).
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "numerics/minifloat.h"

namespace nibble::numerics {

inline constexpr float kE4m3Max = 448.0F;
inline constexpr float kE4m3MinSubnormal = 0x1p-9F;
inline constexpr std::uint8_t kE4m3MaxCode = 0x7E;
inline constexpr std::uint8_t kE4m3NanCode = 0x7F;
inline constexpr std::uint8_t kE4m3OneCode = 0x38;

constexpr bool e4m3_is_nan(std::uint8_t code) { return (code & 0x7FU) == kE4m3NanCode; }

constexpr float e4m3_to_float(std::uint8_t code) {
  const std::uint32_t exponent = (code >> 3) & 0xFU;
  const std::uint32_t mantissa = code & 7U;
  float magnitude = 0;
  if (e4m3_is_nan(code)) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = static_cast<float>(mantissa) * kE4m3MinSubnormal;
  } else {
    magnitude = std::bit_cast<float>(((exponent + (kFloatBias - 7)) << kFloatMantissaBits) | (mantissa << 20));
  }
  return (code & 0x80U) != 0 ? -magnitude : magnitude;
}

// Nearest, ties to even, and NaN of the same sign for what rounds beyond 448 (above 464) and for infinity: ml_dtypes,
// and older torch.
constexpr std::uint8_t e4m3_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits & kFloatSignBit) >> 24;
  const std::uint32_t magnitude = bits & ~kFloatSignBit;
  const std::uint32_t rounded = magnitude >= kFloatInfinityBits ? kE4m3NanCode : round_to_minifloat(magnitude, 4, 3);
  return static_cast<std::uint8_t>(sign | (rounded < kE4m3NanCode ? rounded : kE4m3NanCode));
}

// As e4m3_from_float, but everything beyond 448, infinities included, becomes 448 of the same sign; NaN stays NaN. So
// does torch 2.15 cast.
constexpr std::uint8_t e4m3_from_float_saturating(float value) {
  if (value > kE4m3Max) return kE4m3MaxCode;
  if (value < -kE4m3Max) return kE4m3MaxCode | 0x80U;
  return e4m3_from_float(value);
}

}  // namespace nibble::numerics
