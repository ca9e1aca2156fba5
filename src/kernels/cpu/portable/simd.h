// The few vector primitives from which the portable kernels are made.
//
// One source (simd.cc) is compiled for several instruction sets, and the best one of this machine is chosen at run
// time; the kernels around it are ordinary C++. Sums are taken in float32 with fused multiply-adds where the machine
// has them.
//
// Every sum has an order that depends on its length alone, not on how many rows or columns are computed beside it. That
// is what lets the kernels promise the same bits for a token in every batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numerics/matrix_view.h"

namespace nibble::kernels::portable {

struct Simd {
  const char* name;  // "AVX3"

  // numerics::decode_row, bit for bit.
  void (*decode_row)(const numerics::MatrixView& matrix, std::int64_t row, float* out);

  // c[i · c_stride + j] = Σ_k a[i][k] · b[j · b_stride + k]: A Bᵀ, A [m, k] given by its rows, B [n, k].
  void (*multiply_transposed)(const float* const* a, std::int64_t m, const float* b, std::int64_t b_stride,
                              std::int64_t n, std::int64_t k, float* c, std::int64_t c_stride);

  // c[i · c_stride + j] += Σ_k A(i, k) · b[k · b_stride + j], k ascending; A(i, k) = a[i · a_row_stride + k ·
  // a_stride].
  void (*multiply_add)(const float* a, std::int64_t a_row_stride, std::int64_t a_stride, std::int64_t m, const float* b,
                       std::int64_t b_stride, std::int64_t n, std::int64_t k, float* c, std::int64_t c_stride);

  // S [rows, cols] ← scale · S + a bᵀ
  void (*scale_add_outer)(float* s, std::int64_t rows, std::int64_t cols, float scale, const float* a, const float* b);

  float (*sum_of_squares)(const float* x, std::int64_t count);
  float (*maximum)(const float* x, std::int64_t count);  // count ≥ 1; of a NaN in x nothing is promised

  // x[i] ← exp(scale · x[i] − shift), which must be ≤ 0 up to rounding; returns their sum. NaN stays NaN.
  float (*exp_shifted)(float* x, std::int64_t count, float scale, float shift);

  // out[i] = silu(gate[i]) · up[i]; out may be either.
  void (*silu_multiply)(const float* gate, const float* up, float* out, std::int64_t count);
  // x[i] ← silu(x[i])
  void (*silu)(float* x, std::int64_t count);
  // y[i] ← y[i] · σ(gate[i])
  void (*sigmoid_multiply)(const float* gate, float* y, std::int64_t count);
};

// The primitives for the best instruction set that this machine has, or the one forced by use_instruction_set.
const Simd& simd() noexcept;

// Names of the instruction sets this program contains and this machine has, best first.
std::vector<std::string> instruction_sets();

// For tests: forces one of instruction_sets(); "" goes back to the best. Not while kernels run.
void use_instruction_set(const std::string& name);

}  // namespace nibble::kernels::portable
