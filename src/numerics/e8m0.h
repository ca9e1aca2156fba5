// E8M0, the power-of-two block scale of MXFP4: code c is 2^(c - 127), 0xFF is NaN. There is no sign and no zero.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "numerics/minifloat.h"

namespace nibble::numerics {

inline constexpr std::uint8_t kE8m0NanCode = 0xFF;

constexpr float e8m0_to_float(std::uint8_t code) {
  if (code == kE8m0NanCode) return std::numeric_limits<float>::quiet_NaN();
  if (code == 0) return 0x1p-127F;
  return std::bit_cast<float>(static_cast<std::uint32_t>(code) << kFloatMantissaBits);
}

// As torch casts: the sign is dropped, NaN and infinity become NaN, and the mantissa rounds at 1.5, where a tie goes up
// (at the lowest code, among subnormals, it goes down).
constexpr std::uint8_t e8m0_from_float(float value) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & ~kFloatSignBit;
  const std::uint32_t exponent = magnitude >> kFloatMantissaBits;
  if (exponent == kE8m0NanCode) return kE8m0NanCode;
  const std::uint32_t mantissa = magnitude & ((1U << kFloatMantissaBits) - 1U);
  constexpr std::uint32_t kHalf = 1U << (kFloatMantissaBits - 1);
  const bool up = mantissa > kHalf || (mantissa == kHalf && exponent > 0);
  return static_cast<std::uint8_t>(exponent + (up ? 1U : 0U));
}

}  // namespace nibble::numerics
