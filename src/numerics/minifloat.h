// Rounding a float32 to fewer exponent and mantissa bits: the one place where BF16, F16 and E4M3 round.
#pragma once

#include <cstdint>

namespace nibble::numerics {

inline constexpr std::uint32_t kFloatSignBit = 0x8000'0000U;
inline constexpr std::uint32_t kFloatInfinityBits = 0x7F80'0000U;
inline constexpr int kFloatMantissaBits = 23;
inline constexpr int kFloatBias = 127;

// value / 2^shift, to the nearest integer, ties to the even one. shift in [1, 31], value below 2^31.
constexpr std::uint32_t shift_right_to_nearest_even(std::uint32_t value, int shift) {
  const std::uint32_t odd = (value >> shift) & 1U;
  return (value + (1U << (shift - 1)) - 1U + odd) >> shift;
}

// The bits of the nearest number (ties to even) with the given field widths and IEEE bias 2^(exponent_bits-1) - 1, for
// the bits of a finite float32 without its sign. Subnormals are rounded as IEEE does. Nothing is cut off at the top:
// what exceeds the format comes out as the larger integer that the carry gives, and the caller says what that means.
constexpr std::uint32_t round_to_minifloat(std::uint32_t magnitude_bits, int exponent_bits, int mantissa_bits) {
  const int rebias = kFloatBias - ((1 << (exponent_bits - 1)) - 1);
  const int shift = kFloatMantissaBits - mantissa_bits;
  const int exponent = static_cast<int>(magnitude_bits >> kFloatMantissaBits);
  if (exponent > rebias) {
    return shift_right_to_nearest_even(magnitude_bits - (static_cast<std::uint32_t>(rebias) << kFloatMantissaBits),
                                       shift);
  }
  // Subnormal in the target: its unit is 2^(rebias + 1 - exponent) times larger than a plain cut of the mantissa.
  const std::uint32_t hidden_bit = exponent > 0 ? 1U << kFloatMantissaBits : 0U;
  const std::uint32_t significand = hidden_bit | (magnitude_bits & ((1U << kFloatMantissaBits) - 1U));
  const int subnormal_shift = shift + rebias + 1 - (exponent > 0 ? exponent : 1);
  return subnormal_shift > kFloatMantissaBits + 2 ? 0U : shift_right_to_nearest_even(significand, subnormal_shift);
}

}  // namespace nibble::numerics
