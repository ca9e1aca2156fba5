// Cosines and sines of the rotary embedding, for text and image positions and for stretched contexts
// (architecture §1.4, §3.3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nibble::kernels {

// Static YaRN (arXiv 2309.00071).
struct YarnScaling {
  double factor = 1.0;
  std::int64_t original_context = 0;  // original_max_position_embeddings
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  std::optional<double> attention_factor = std::nullopt;  // absent: 0.1 · ln(factor) + 1
};

struct RopeParameters {
  double theta = 10'000'000.0;
  std::int64_t rotary_dim = 64;
  // Frequencies of the axes (time, height, width) in the interleaved pattern THWTHW…: frequency i belongs to height
  // where i mod 3 = 1 and i < 3 · mrope_section[1], to width where i mod 3 = 2 and i < 3 · mrope_section[2], else to
  // time. All zero: time alone, the plain rotary embedding.
  std::array<std::int64_t, 3> mrope_section = {0, 0, 0};
  std::optional<YarnScaling> yarn = std::nullopt;
};

// Where a token stands. Text has the same number three times.
struct RopePosition {
  std::int32_t time;
  std::int32_t height;
  std::int32_t width;
};

inline RopePosition text_position(std::int32_t position) { return {position, position, position}; }

class RopeTables {
 public:
  explicit RopeTables(const RopeParameters& parameters);

  std::int64_t rotary_dim() const { return 2 * static_cast<std::int64_t>(inverse_frequencies_.size()); }
  // [rotary_dim / 2], float32, after YaRN.
  std::span<const float> inverse_frequencies() const { return inverse_frequencies_; }
  // What YaRN multiplies cosines and sines by; 1 without it.
  float attention_factor() const { return attention_factor_; }

  // cos and sin become [positions.size(), rotary_dim / 2]. The angle is the float32 product of position and inverse
  // frequency, as the references compute it; its cosine is correct to float32 rounding at every position below 2^24.
  void fill(std::span<const RopePosition> positions, float* cos, float* sin) const noexcept;

 private:
  std::vector<float> inverse_frequencies_;
  std::vector<std::int32_t RopePosition::*> axes_;  // [rotary_dim / 2]
  float attention_factor_ = 1.0F;
};

}  // namespace nibble::kernels
