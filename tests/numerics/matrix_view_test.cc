#include "numerics/matrix_view.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "numerics/bf16.h"
#include "numerics/f16.h"
#include "numerics/fp8.h"
#include "numerics/nvfp4.h"

namespace nibble::numerics {
namespace {

constexpr std::int64_t kRows = 3;
constexpr std::int64_t kCols = 32;

// Bytes 1, 2, 3, … at an odd address, as they may lie in a mapped file.
struct UnalignedBytes {
  explicit UnalignedBytes(std::size_t size) : storage(size + 1) {
    for (std::size_t i = 0; i < size; ++i) data()[i] = static_cast<std::byte>(i * 7 + 1);
  }
  std::byte* data() { return storage.data() + 1; }
  std::uint8_t at(std::size_t i) { return std::to_integer<std::uint8_t>(data()[i]); }
  std::uint16_t half_at(std::size_t i) { return static_cast<std::uint16_t>(at(2 * i) | at(2 * i + 1) << 8); }

  std::vector<std::byte> storage;
};

MatrixView view_of(WeightFormat format, UnalignedBytes& bytes, float global_scale = 1.0F) {
  MatrixView view;
  view.format = format;
  view.rows = kRows;
  view.cols = kCols;
  view.data = bytes.data();
  view.global_scale = global_scale;
  return view;
}

std::vector<float> decoded(const MatrixView& view, std::int64_t row) {
  std::vector<float> out(static_cast<std::size_t>(view.cols));
  decode_row(view, row, out.data());
  return out;
}

TEST(MatrixView, DecodesHalfPrecisionRows) {
  UnalignedBytes bytes(kRows * kCols * 2);
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto bf16 = decoded(view_of(WeightFormat::kBf16, bytes), row);
    const auto f16 = decoded(view_of(WeightFormat::kF16, bytes), row);
    for (std::size_t i = 0; i < kCols; ++i) {
      const std::uint16_t code = bytes.half_at(static_cast<std::size_t>(row) * kCols + i);
      EXPECT_EQ(bf16[i], bf16_to_float(code));
      if (const float expected = f16_to_float(code); std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(f16[i]));
      } else {
        EXPECT_EQ(f16[i], expected);
      }
    }
  }
}

TEST(MatrixView, DecodesFloatRows) {
  UnalignedBytes bytes(kRows * kCols * 4);
  const std::vector<float> values = {1.5F, -0.0F, 3e-39F, 2e38F};
  std::memcpy(bytes.data() + 2 * kCols * 4, values.data(), values.size() * sizeof(float));
  const auto row = decoded(view_of(WeightFormat::kF32, bytes), 2);
  EXPECT_EQ(0, std::memcmp(row.data(), values.data(), values.size() * sizeof(float)));
}

TEST(MatrixView, DecodesFp8Rows) {
  UnalignedBytes bytes(kRows * kCols);
  const MatrixView view = view_of(WeightFormat::kFp8, bytes, 0.37F);
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto values = decoded(view, row);
    for (std::size_t i = 0; i < kCols; ++i) {
      const std::uint8_t code = bytes.at(static_cast<std::size_t>(row) * kCols + i);
      if (e4m3_is_nan(code)) continue;
      EXPECT_EQ(values[i], e4m3_to_float(code) * 0.37F);
    }
  }
}

TEST(MatrixView, DecodesNvfp4RowsAndSlices) {
  UnalignedBytes codes(kRows * kCols / 2);
  UnalignedBytes scales(kRows * kCols / kNvfp4Block);
  MatrixView view = view_of(WeightFormat::kNvfp4, codes, 0.3F);
  view.block_scales = scales.data();
  for (std::int64_t row = 0; row < kRows; ++row) {
    const auto values = decoded(view, row);
    for (std::size_t i = 0; i < kCols; ++i) {
      const std::size_t element = static_cast<std::size_t>(row) * kCols + i;
      const std::uint8_t pair = codes.at(element / 2);
      const std::uint8_t code = element % 2 == 0 ? pair & 0xF : pair >> 4;
      // The association is part of the contract: the scales are multiplied first.
      const float step = e4m3_to_float(scales.at(element / kNvfp4Block)) * 0.3F;
      EXPECT_EQ(values[i], e2m1_to_float(code) * step);
    }
    EXPECT_EQ(decoded(view.row_slice(row, 1), 0), values);
  }
}

TEST(MatrixView, RowBytesPerFormat) {
  UnalignedBytes bytes(1);
  EXPECT_EQ(view_of(WeightFormat::kF32, bytes).row_bytes(), 128U);
  EXPECT_EQ(view_of(WeightFormat::kF16, bytes).row_bytes(), 64U);
  EXPECT_EQ(view_of(WeightFormat::kBf16, bytes).row_bytes(), 64U);
  EXPECT_EQ(view_of(WeightFormat::kFp8, bytes).row_bytes(), 32U);
  EXPECT_EQ(view_of(WeightFormat::kNvfp4, bytes).row_bytes(), 16U);
}

TEST(MatrixView, FormatNames) {
  EXPECT_STREQ(weight_format_name(WeightFormat::kF32), "f32");
  EXPECT_STREQ(weight_format_name(WeightFormat::kF16), "f16");
  EXPECT_STREQ(weight_format_name(WeightFormat::kBf16), "bf16");
  EXPECT_STREQ(weight_format_name(WeightFormat::kFp8), "fp8");
  EXPECT_STREQ(weight_format_name(WeightFormat::kNvfp4), "nvfp4");
}

}  // namespace
}  // namespace nibble::numerics
