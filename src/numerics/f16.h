// F16: IEEE 754 binary16.
#pragma once

#include <bit>
#include <cstdint>

#include "numerics/minifloat.h"

namespace nibble::numerics {

// Exact. Infinities and NaN payloads are kept.
constexpr float f16_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t float_exponent = exponent == 0x1FU ? 0xFFU : exponent + (kFloatBias - 15);
  return std::bit_cast<float>(sign | (float_exponent << kFloatMantissaBits) | (mantissa << 13));
}

// Nearest, ties to even; from 65520 on infinity. Every NaN becomes a quiet one of the same sign (0x7E00).
constexpr std::uint16_t f16_from_float(float value) {
  constexpr std::uint32_t kInfinity = 0x7C00;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits & kFloatSignBit) >> 16;
  const std::uint32_t magnitude = bits & ~kFloatSignBit;
  if (magnitude > kFloatInfinityBits) return static_cast<std::uint16_t>(sign | 0x7E00U);
  const std::uint32_t rounded = magnitude == kFloatInfinityBits ? kInfinity : round_to_minifloat(magnitude, 5, 10);
  return static_cast<std::uint16_t>(sign | (rounded < kInfinity ? rounded : kInfinity));
}

}  // namespace nibble::numerics
