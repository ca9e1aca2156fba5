#include "quantize/rounding.h"

#include <algorithm>
#include <cmath>

#include "numerics/fp8.h"
#include "numerics/nvfp4.h"

namespace nibble::quantize {
namespace {

using numerics::kNvfp4Block;
using Block = std::span<const float, kNvfp4Block>;

constexpr int kSmallestScaleCode = 1;
constexpr int kLargestScaleCode = numerics::kE4m3MaxCode;

// What the block decodes to with this scale, against what it was. In double, so that comparing two scales compares the
// errors and not the roundings of their sums.
double squared_error(Block values, float step) {
  double sum = 0;
  for (const float value : values) {
    const float decoded = numerics::e2m1_to_float(numerics::e2m1_from_float(value / step)) * step;
    const double difference = static_cast<double>(value) - static_cast<double>(decoded);
    sum += difference * difference;
  }
  return sum;
}

// Codes are tried from `start` outward and only a smaller error wins: a tie goes to the code nearest to the max rule's,
// of two equally near ones to the larger.
std::uint8_t search_block_scale(Block values, float global_scale, std::uint8_t start, const Nvfp4Options& options) {
  std::uint8_t best = start;
  double least = squared_error(values, numerics::nvfp4_step(start, global_scale));
  const auto try_code = [&](int code) {
    if (code < kSmallestScaleCode || code > kLargestScaleCode) return;
    const auto candidate = static_cast<std::uint8_t>(code);
    const double error = squared_error(values, numerics::nvfp4_step(candidate, global_scale));
    if (error < least) {
      least = error;
      best = candidate;
    }
  };
  for (int distance = 1; distance <= std::max(options.codes_below, options.codes_above); ++distance) {
    if (distance <= options.codes_above) try_code(start + distance);
    if (distance <= options.codes_below) try_code(start - distance);
  }
  return best;
}

float largest_magnitude(Block values) {
  float amax = 0;
  for (const float value : values) amax = std::max(amax, std::fabs(value));
  return amax;
}

double squared_magnitude(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

float positive_or_one(float scale) { return scale > 0 ? scale : 1.0F; }

}  // namespace

float nvfp4_tensor_scale(float amax, const Nvfp4Options& options) {
  return positive_or_one(numerics::nvfp4_global_scale(amax, options.head_room));
}

float fp8_tensor_scale(float amax) { return positive_or_one(numerics::fp8_scale(amax)); }

std::uint8_t choose_block_scale(Block values, float global_scale, const Nvfp4Options& options) {
  const float amax = largest_magnitude(values);
  const std::uint8_t by_max = numerics::nvfp4_max_block_scale(amax, global_scale);
  if (options.rule == ScaleRule::kMax || amax == 0) return by_max;
  return search_block_scale(values, global_scale, by_max, options);
}

RoundingError round_row_to_nvfp4(std::span<const float> values, float global_scale, const Nvfp4Options& options,
                                 std::byte* codes, std::byte* block_scales) {
  RoundingError total{.squared_magnitude = squared_magnitude(values)};
  for (std::size_t begin = 0; begin < values.size(); begin += kNvfp4Block) {
    const Block block(values.data() + begin, kNvfp4Block);
    const std::uint8_t block_scale = choose_block_scale(block, global_scale, options);
    const float step = numerics::nvfp4_step(block_scale, global_scale);
    std::uint8_t packed[numerics::kNvfp4BlockBytes];
    numerics::nvfp4_encode_block(block.data(), step, packed);
    std::ranges::transform(packed, codes + begin / 2, [](std::uint8_t pair) { return std::byte{pair}; });
    block_scales[begin / kNvfp4Block] = std::byte{block_scale};
    total.squared_error += squared_error(block, step);
  }
  return total;
}

RoundingError round_row_to_fp8(std::span<const float> values, float scale, std::byte* codes) {
  RoundingError total{.squared_magnitude = squared_magnitude(values)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint8_t code = numerics::fp8_encode_weight(values[i], scale);
    codes[i] = std::byte{code};
    const double difference = static_cast<double>(values[i]) - static_cast<double>(numerics::fp8_decode(code, scale));
    total.squared_error += difference * difference;
  }
  return total;
}

}  // namespace nibble::quantize
