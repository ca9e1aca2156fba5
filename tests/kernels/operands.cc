#include "kernels/operands.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "numerics/bf16.h"
#include "numerics/f16.h"

namespace nibble::kernels::testing {

using numerics::WeightFormat;

float Random::uniform(float low, float high) {
  const float fraction = static_cast<float>(next_bits() >> 8) * 0x1p-24F;
  return low + (high - low) * fraction;
}

float Random::normal(float deviation) {
  float sum = 0;  // of 12 uniform numbers: variance 1
  for (int i = 0; i < 12; ++i) sum += uniform(-0.5F, 0.5F);
  return deviation * std::fmin(std::fmax(sum, -3.5F), 3.5F);
}

Floats Random::normals(std::int64_t count, float deviation) {
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(deviation);
  return values;
}

Floats Random::uniforms(std::int64_t count, float low, float high) {
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(low, high);
  return values;
}

namespace {

template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  const auto* begin = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}

}  // namespace

RandomWeight::RandomWeight(WeightFormat format, std::int64_t rows, std::int64_t cols, Random& random)
    : data_(1), block_scales_(1) {
  const float deviation = 1.0F / std::sqrt(static_cast<float>(cols));
  const std::int64_t elements = rows * cols;
  view_ = {.format = format, .rows = rows, .cols = cols};
  switch (format) {
    case WeightFormat::kF32:
      for (std::int64_t i = 0; i < elements; ++i) append(data_, random.normal(deviation));
      break;
    case WeightFormat::kF16:
      for (std::int64_t i = 0; i < elements; ++i) append(data_, numerics::f16_from_float(random.normal(deviation)));
      break;
    case WeightFormat::kBf16:
      for (std::int64_t i = 0; i < elements; ++i) append(data_, numerics::bf16_from_float(random.normal(deviation)));
      break;
    case WeightFormat::kFp8:  // every code but the two NaNs
      for (std::int64_t i = 0; i < elements; ++i) {
        const auto code = static_cast<std::uint8_t>(random.next_bits());
        append(data_, (code & 0x7F) == 0x7F ? std::uint8_t{0} : code);
      }
      view_.global_scale = deviation / 128;
      break;
    case WeightFormat::kNvfp4:
      for (std::int64_t i = 0; i < elements / 2; ++i) append(data_, static_cast<std::uint8_t>(random.next_bits()));
      for (std::int64_t i = 0; i < elements / 16; ++i) {  // block scales 1 to 3.75
        append(block_scales_, static_cast<std::uint8_t>(0x38 + random.next_bits() % 16));
      }
      view_.block_scales = block_scales_.data() + 1;
      view_.global_scale = deviation / 6;
      break;
  }
  view_.data = data_.data() + 1;
}

Floats magnitude_of_product(const numerics::MatrixView& weight, const Floats& input, std::int64_t tokens) {
  Floats row(static_cast<std::size_t>(weight.cols)), magnitudes(static_cast<std::size_t>(tokens * weight.rows));
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    numerics::decode_row(weight, r, row.data());
    for (std::int64_t t = 0; t < tokens; ++t) {
      float& sum = magnitudes[static_cast<std::size_t>(t * weight.rows + r)];
      for (std::int64_t c = 0; c < weight.cols; ++c) {
        sum += std::abs(input[static_cast<std::size_t>(t * weight.cols + c)] * row[static_cast<std::size_t>(c)]);
      }
    }
  }
  return magnitudes;
}

::testing::AssertionResult within(const Floats& actual, const Floats& expected, std::span<const float> tolerance) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " values, expected " << expected.size();
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const float allowed = tolerance[tolerance.size() == 1 ? 0 : i];
    if (std::abs(actual[i] - expected[i]) <= allowed) continue;  // false for NaN
    return ::testing::AssertionFailure() << "at " << i << ": " << actual[i] << ", expected " << expected[i]
                                         << " within " << allowed;
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult within(const Floats& actual, const Floats& expected, float tolerance) {
  return within(actual, expected, std::span(&tolerance, 1));
}

::testing::AssertionResult within_relative(const Floats& actual, const Floats& expected, float relative,
                                           float absolute) {
  Floats tolerance(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) tolerance[i] = relative * std::abs(expected[i]) + absolute;
  return within(actual, expected, tolerance);
}

::testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " and " << b.size() << " values";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i])) continue;
    return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
  }
  return ::testing::AssertionSuccess();
}

float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::fmax(largest, std::abs(value));
  return largest;
}

}  // namespace nibble::kernels::testing
