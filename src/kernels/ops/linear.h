// Dense projection by a weight in any storage format.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "numerics/matrix_view.h"

namespace nibble::kernels {

struct LinearArgs {
  numerics::MatrixView weight;  // W [rows, cols]
  const float* input;           // x [tokens, cols]
  float* output;                // y [tokens, rows]; overlaps neither input nor weight
  std::int64_t tokens;
};

// y = x Wᵀ: output[t, r] = Σ_c input[t, c] · W[r, c], W as numerics::decode_row gives it (exact values, scales inside).
//
// The token count is an axis: one token (decode) and many (prefill) are the same operation.
// Rounding: products and sums in float32 or wider, in an order that depends on cols alone, so a token's row has the
// same bits in every batch, for every number of threads. Tolerance against the reference: 1e-5 · Σ_c |input[t, c] ·
// W[r, c]|.
void linear(const LinearArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
