// The recurrence of Gated DeltaNet, and what prepares its inputs (architecture §3.4, §3.5).
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

struct L2NormalizeArgs {
  float* inout;  // x [tokens, heads, head_dim] with token_stride floats from one token to the next; in place
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t token_stride;  // at least heads · head_dim: queries and keys lie inside the convolution's output
  float scale;                // head_dim^(-1/2) for queries, 1 for keys
};

// x ← x · rsqrt(Σ x² + 1e-6) · scale, each head by itself: the sum, not the mean (architecture §10.7).
//
// Rounding: float32 or wider. Tolerance against the reference: 2e-6 relative.
void l2_normalize(const L2NormalizeArgs& args, ThreadPool& pool) noexcept;

struct DeltaGatesArgs {
  const float* a;        // [tokens, value_heads], output of in_proj_a
  const float* b;        // [tokens, value_heads], output of in_proj_b
  const float* a_log;    // [value_heads]
  const float* dt_bias;  // [value_heads]
  float* decay;          // g [tokens, value_heads], a logarithm, ≤ 0; may be a
  float* beta;           // β [tokens, value_heads]; may be b
  std::int64_t tokens;
  std::int64_t value_heads;
};

// g = −exp(a_log) · softplus(a + dt_bias), softplus(x) = ln(1 + exp(x)), and x itself for x > 20; β = σ(b).
//
// Rounding: float32 or wider. Tolerance against the reference: 2e-6 relative, or 1e-30 absolute.
void delta_gates(const DeltaGatesArgs& args, ThreadPool& pool) noexcept;

struct GatedDeltaRuleArgs {
  const float* queries;  // q̂ [tokens, key_heads, key_dim], normalised and scaled
  const float* keys;     // k̂ [tokens, key_heads, key_dim], normalised
  const float* values;   // v [tokens, value_heads, value_dim]
  // Floats from one token to the next in queries, keys and values: the three may lie in one convolution output.
  std::int64_t query_stride;
  std::int64_t key_stride;
  std::int64_t value_stride;
  const float* decay;  // g [tokens, value_heads], ≤ 0
  const float* beta;   // β [tokens, value_heads]
  float* state_inout;  // S [value_heads, key_dim, value_dim], zeros at the start of a sequence
  float* output;       // o [tokens, value_heads, value_dim]; overlaps nothing else
  std::int64_t tokens;
  std::int64_t key_heads;
  std::int64_t value_heads;  // a multiple of key_heads
  std::int64_t key_dim;
  std::int64_t value_dim;
};

// For every value head j, with key head j / (value_heads / key_heads), token by token:
//   S ← exp(g) · S;  r = Sᵀ k̂;  δ = β · (v − r);  S ← S + k̂ δᵀ;  o = Sᵀ q̂
// An implementation may compute whole chunks at once (architecture §3.5): it forms exp only of differences ≤ 0, so no
// decay, however strong, makes an infinity.
//
// Rounding: float32 or wider inside a call; the state is rounded to float32 at the end of a call, and, in the
// reference, nowhere else. Chunks start where a call starts: the same tokens split into other calls agree to tolerance,
// not bit for bit. The number of threads does not show. Tolerance against the reference, for |k̂| = 1: 2e-5 · max(|v|,
// |S|) for output and state.
void gated_delta_rule(const GatedDeltaRuleArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
