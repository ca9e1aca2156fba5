// E2M1, the 4-bit float: bit 3 is the sign, codes 0..7 are 0, 0.5, 1, 1.5, 2, 3, 4, 6. Code 8 is -0, legal and common.
#pragma once

#include <cstdint>

namespace nibble::numerics {

inline constexpr float kE2m1Max = 6.0F;
inline constexpr float kE2m1Values[16] = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,  4.0F,  6.0F,
                                          -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

constexpr float e2m1_to_float(std::uint8_t code) { return kE2m1Values[code & 0xFU]; }

// The code 0..7 nearest to a magnitude, ties to the even code, 6 for everything larger (formats §1.2.5). A sum of
// comparisons, so that compilers vectorise loops over it. NaN gives 0: callers refuse it before.
constexpr std::uint8_t e2m1_code_of_magnitude(float magnitude) {
  return static_cast<std::uint8_t>((magnitude > 0.25F) + (magnitude >= 0.75F) + (magnitude > 1.25F) +
                                   (magnitude >= 1.75F) + (magnitude > 2.5F) + (magnitude >= 3.5F) +
                                   (magnitude > 5.0F));
}

// The sign bit says value < 0, as in ModelOpt: a negative value that rounds to 0 gets code 8, and -0.0 code 0
// (formats §1.2.6).
constexpr std::uint8_t e2m1_from_float(float value) {
  const bool negative = value < 0;
  return static_cast<std::uint8_t>(e2m1_code_of_magnitude(negative ? -value : value) | (negative ? 8U : 0U));
}

}  // namespace nibble::numerics
