// A few rows of a weight, decoded once and then multiplied with many tokens.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"
#include "numerics/matrix_view.h"

namespace nibble::kernels::portable {

class WeightPanel {
 public:
  // 16 rows of 2,048 columns are 128 KiB of float32: they stay in a level-2 cache while the tokens stream by.
  static constexpr std::int64_t kRows = 16;
  // What decoding an element costs, in multiply-adds; only the cutting of work depends on it.
  static constexpr std::int64_t kDecodeCost = 4;

  static std::int64_t count(std::int64_t rows) { return (rows + kRows - 1) / kRows; }

  explicit WeightPanel(std::int64_t cols) : cols_(cols), stride_(cols + kPadding), decoded_(scratch(kRows * stride_)) {}

  // Rows [index · kRows, …) of the weight, as many as there are.
  void load(const numerics::MatrixView& weight, std::int64_t index) noexcept {
    first_row_ = index * kRows;
    rows_ = std::min(kRows, weight.rows - first_row_);
    for (std::int64_t r = 0; r < rows_; ++r) simd().decode_row(weight, first_row_ + r, decoded_.get() + r * stride_);
  }

  std::int64_t first_row() const { return first_row_; }
  std::int64_t rows() const { return rows_; }

  // c[i · c_stride + r] = inputs[i] · row (first_row + r)
  void multiply(const float* const* inputs, std::int64_t tokens, float* c, std::int64_t c_stride) const noexcept {
    simd().multiply_transposed(inputs, tokens, decoded_.get(), stride_, rows_, cols_, c, c_stride);
  }

 private:
  // A cache line between rows: at a stride of a power of two all rows would compete for the same few places of a cache.
  static constexpr std::int64_t kPadding = 16;

  std::int64_t cols_;
  std::int64_t stride_;
  Scratch decoded_;  // [kRows, stride]
  std::int64_t first_row_ = 0;
  std::int64_t rows_ = 0;
};

}  // namespace nibble::kernels::portable
