// Rounds rows of float32 weights to the formats of a recipe, and says what that cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quantize/recipe.h"

namespace nibble::quantize {

struct RoundingError {
  double squared_error = 0;      // sum of (original - decoded)^2
  double squared_magnitude = 0;  // sum of original^2

  RoundingError& operator+=(const RoundingError& other) {
    squared_error += other.squared_error;
    squared_magnitude += other.squared_magnitude;
    return *this;
  }
};

// The tensor's scales from its largest magnitude. Where the rule gives 0 (a tensor of zeros; ModelOpt then writes NaN
// scales) the scale is 1: any positive number says the same.
float nvfp4_tensor_scale(float amax, const Nvfp4Options& options);
float fp8_tensor_scale(float amax);

// The E4M3 code for a block of 16 finite values under the given rule.
std::uint8_t choose_block_scale(std::span<const float, 16> values, float global_scale, const Nvfp4Options& options);

// values [cols], cols a multiple of 16, to codes [cols / 2] and block_scales [cols / 16].
RoundingError round_row_to_nvfp4(std::span<const float> values, float global_scale, const Nvfp4Options& options,
                                 std::byte* codes, std::byte* block_scales);

// values [cols] to codes [cols].
RoundingError round_row_to_fp8(std::span<const float> values, float scale, std::byte* codes);

}  // namespace nibble::quantize
