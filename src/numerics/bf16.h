// BF16: the upper half of a float32.
#pragma once

#include <bit>
#include <cstdint>

#include "numerics/minifloat.h"

namespace nibble::numerics {

constexpr float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Nearest, ties to even; beyond the largest finite value infinity. Every NaN becomes 0x7FC0.
constexpr std::uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & ~kFloatSignBit;
  if (magnitude > kFloatInfinityBits) return 0x7FC0;
  const std::uint32_t sign = (bits & kFloatSignBit) >> 16;
  return static_cast<std::uint16_t>(sign | shift_right_to_nearest_even(magnitude, 16));
}

}  // namespace nibble::numerics
