#include "kernels/rope_tables.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nibble::kernels {
namespace {

// The dimension whose wave turns `rotations` times over the original context.
double dimension_of_rotations(double rotations, const RopeParameters& rope) {
  const double context = static_cast<double>(rope.yarn->original_context);
  return static_cast<double>(rope.rotary_dim) * std::log(context / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

// Blends each frequency between itself (fast waves) and itself / factor (slow ones): arXiv 2309.00071 §3.2, with the
// rounding and the clamps of the reference, which bounds `high` by the rotary dimension rather than by half of it.
void stretch_frequencies(const RopeParameters& rope, std::vector<float>& frequencies) {
  const double low = std::max(std::floor(dimension_of_rotations(rope.yarn->beta_fast, rope)), 0.0);
  double high =
      std::min(std::ceil(dimension_of_rotations(rope.yarn->beta_slow, rope)), static_cast<double>(rope.rotary_dim - 1));
  if (high == low) high += 0.001;  // the reference's way around a division by zero
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double interpolated = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    const double frequency = static_cast<double>(frequencies[i]);
    frequencies[i] =
        static_cast<float>(frequency / rope.yarn->factor * interpolated + frequency * (1.0 - interpolated));
  }
}

std::int32_t RopePosition::* axis_of_frequency(std::int64_t i, const RopeParameters& rope) {
  if (i % 3 == 1 && i < 3 * rope.mrope_section[1]) return &RopePosition::height;
  if (i % 3 == 2 && i < 3 * rope.mrope_section[2]) return &RopePosition::width;
  return &RopePosition::time;
}

}  // namespace

RopeTables::RopeTables(const RopeParameters& parameters) {
  const double rotary_dim = static_cast<double>(parameters.rotary_dim);
  for (std::int64_t i = 0; i < parameters.rotary_dim / 2; ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / rotary_dim;
    inverse_frequencies_.push_back(static_cast<float>(std::pow(parameters.theta, -exponent)));
    axes_.push_back(axis_of_frequency(i, parameters));
  }
  if (!parameters.yarn) return;
  stretch_frequencies(parameters, inverse_frequencies_);
  const double factor = parameters.yarn->factor;
  const double inferred = factor > 1.0 ? 0.1 * std::log(factor) + 1.0 : 1.0;
  attention_factor_ = static_cast<float>(parameters.yarn->attention_factor.value_or(inferred));
}

void RopeTables::fill(std::span<const RopePosition> positions, float* cos, float* sin) const noexcept {
  for (const RopePosition& position : positions) {
    for (std::size_t i = 0; i < inverse_frequencies_.size(); ++i) {
      const float angle = static_cast<float>(position.*axes_[i]) * inverse_frequencies_[i];
      *cos++ = std::cos(angle) * attention_factor_;
      *sin++ = std::sin(angle) * attention_factor_;
    }
  }
}

}  // namespace nibble::kernels
