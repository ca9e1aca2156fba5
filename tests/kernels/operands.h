// What the kernel tests share: random operands, comparison within a contract's tolerance, and the run of every test on
// every instruction set of this machine.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/cpu/portable/simd.h"
#include "numerics/matrix_view.h"

namespace nibble::kernels::testing {

using Floats = std::vector<float>;

// The same numbers on every machine: only the bits of mt19937 are used, no distribution of the library.
class Random {
 public:
  explicit Random(std::uint32_t seed) : bits_(seed) {}
  std::uint32_t next_bits() { return static_cast<std::uint32_t>(bits_()); }
  float uniform(float low, float high);
  // Roughly normal: mean 0, standard deviation `deviation`, bounded by 3.5 deviations.
  float normal(float deviation = 1.0F);
  Floats normals(std::int64_t count, float deviation = 1.0F);
  Floats uniforms(std::int64_t count, float low, float high);

 private:
  std::mt19937 bits_;
};

// A weight with random content of about 1 / √cols, at an odd address: formats are aligned to nothing.
class RandomWeight {
 public:
  RandomWeight(numerics::WeightFormat format, std::int64_t rows, std::int64_t cols, Random& random);
  RandomWeight(RandomWeight&&) = default;
  const numerics::MatrixView& view() const { return view_; }

 private:
  std::vector<std::byte> data_;
  std::vector<std::byte> block_scales_;
  numerics::MatrixView view_;
};

// Σ_c |x[t, c] · W[r, c]| for all [tokens, rows]: what the tolerance of a product is measured by.
Floats magnitude_of_product(const numerics::MatrixView& weight, const Floats& input, std::int64_t tokens);

// |actual[i] − expected[i]| ≤ tolerance[i] everywhere, with tolerance one number or one an element.
::testing::AssertionResult within(const Floats& actual, const Floats& expected, std::span<const float> tolerance);
::testing::AssertionResult within(const Floats& actual, const Floats& expected, float tolerance);
// |actual[i] − expected[i]| ≤ relative · |expected[i]| + absolute
::testing::AssertionResult within_relative(const Floats& actual, const Floats& expected, float relative,
                                           float absolute = 0);
// Equal bit for bit.
::testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b);

float largest_magnitude(std::span<const float> values);

// Each test of a suite made with INSTANTIATE_ON_EVERY_INSTRUCTION_SET runs once per instruction set of the portable
// path.
class PortableTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { portable::use_instruction_set(GetParam()); }
  void TearDown() override { portable::use_instruction_set(""); }

  ThreadPool pool_{3};
};

#define INSTANTIATE_ON_EVERY_INSTRUCTION_SET(suite)                                                               \
  INSTANTIATE_TEST_SUITE_P(Portable, suite, ::testing::ValuesIn(::nibble::kernels::portable::instruction_sets()), \
                           [](const auto& instance) { return instance.param; })

}  // namespace nibble::kernels::testing
