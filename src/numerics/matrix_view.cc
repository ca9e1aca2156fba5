#include "numerics/matrix_view.h"

#include <bit>
#include <cstring>

#include "numerics/bf16.h"
#include "numerics/f16.h"
#include "numerics/fp8.h"
#include "numerics/nvfp4.h"

namespace nibble::numerics {
namespace {

// Reads element i of an array that may lie at any address.
template <typename T>
T load(const std::byte* data, std::int64_t i) noexcept {
  T value;
  std::memcpy(&value, data + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

void decode_nvfp4_row(const MatrixView& matrix, std::int64_t row, const std::byte* codes, float* out) noexcept {
  const std::int64_t blocks = matrix.cols / kNvfp4Block;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto block_scale = load<std::uint8_t>(matrix.block_scales, row * blocks + block);
    std::uint8_t packed[kNvfp4BlockBytes];
    std::memcpy(packed, codes + block * kNvfp4BlockBytes, sizeof packed);
    nvfp4_decode_block(packed, nvfp4_step(block_scale, matrix.global_scale), out + block * kNvfp4Block);
  }
}

}  // namespace

const char* weight_format_name(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32: return "f32";
    case WeightFormat::kF16: return "f16";
    case WeightFormat::kBf16: return "bf16";
    case WeightFormat::kFp8: return "fp8";
    case WeightFormat::kNvfp4: return "nvfp4";
  }
  return "unknown";
}

std::size_t MatrixView::row_bytes() const {
  const auto elements = static_cast<std::size_t>(cols);
  switch (format) {
    case WeightFormat::kF32: return elements * 4;
    case WeightFormat::kF16:
    case WeightFormat::kBf16: return elements * 2;
    case WeightFormat::kFp8: return elements;
    case WeightFormat::kNvfp4: return elements / 2;
  }
  return 0;
}

MatrixView MatrixView::row_slice(std::int64_t first, std::int64_t count) const {
  MatrixView slice = *this;
  slice.rows = count;
  slice.data += static_cast<std::size_t>(first) * row_bytes();
  if (block_scales != nullptr) slice.block_scales += first * (cols / kNvfp4Block);
  return slice;
}

void decode_row(const MatrixView& matrix, std::int64_t row, float* out) noexcept {
  const std::byte* data = matrix.data + static_cast<std::size_t>(row) * matrix.row_bytes();
  switch (matrix.format) {
    case WeightFormat::kF32: std::memcpy(out, data, matrix.row_bytes()); return;
    case WeightFormat::kF16:
      for (std::int64_t i = 0; i < matrix.cols; ++i) out[i] = f16_to_float(load<std::uint16_t>(data, i));
      return;
    case WeightFormat::kBf16:
      for (std::int64_t i = 0; i < matrix.cols; ++i) out[i] = bf16_to_float(load<std::uint16_t>(data, i));
      return;
    case WeightFormat::kFp8:
      for (std::int64_t i = 0; i < matrix.cols; ++i) {
        out[i] = fp8_decode(load<std::uint8_t>(data, i), matrix.global_scale);
      }
      return;
    case WeightFormat::kNvfp4: decode_nvfp4_row(matrix, row, data, out); return;
  }
}

}  // namespace nibble::numerics
