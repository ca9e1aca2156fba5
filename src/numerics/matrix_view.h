// A row-major matrix [rows, cols] in one of the storage formats of a checkpoint: what a kernel multiplies by.
// It points into memory that someone else owns (a mapped file, usually), aligned to nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nibble::numerics {

enum class WeightFormat : std::uint8_t {
  kF32,
  kF16,
  kBf16,
  kFp8,    // E4M3FN [rows, cols], one float32 scale for the tensor
  kNvfp4,  // E2M1 two codes a byte [rows, cols/2], E4M3 scales [rows, cols/16], one float32 scale for the tensor
};

const char* weight_format_name(WeightFormat format);  // "bf16", "fp8", "nvfp4", …

struct MatrixView {
  WeightFormat format = WeightFormat::kF32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const std::byte* data = nullptr;
  const std::byte* block_scales = nullptr;  // kNvfp4 only
  float global_scale = 1.0F;                // kFp8: weight_scale; kNvfp4: weight_scale_2. A multiplier.
  float input_scale = 0.0F;                 // static activation scale, 0 where the checkpoint has none

  // Bytes of one row in data.
  std::size_t row_bytes() const;
  // Rows [first, first + count) as a matrix of their own; same scales.
  MatrixView row_slice(std::int64_t first, std::int64_t count) const;
};

// The exact value of one row as float32, out[cols]:
// kNvfp4: e2m1 * (e4m3 * global_scale) in that association (formats §1.1), kFp8: e4m3 * global_scale.
void decode_row(const MatrixView& matrix, std::int64_t row, float* out) noexcept;

}  // namespace nibble::numerics
