// Softmax attention of new tokens over a cache, grouped queries (architecture §3.2), and the gate around it.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

struct CausalAttentionArgs {
  const float* queries;  // q [tokens, heads, head_dim], normalised and rotated
  const float* keys;     // k [capacity, kv_heads, head_dim]; rows [0, first_position + tokens) are filled
  const float* values;   // v [capacity, kv_heads, head_dim]; likewise
  float* output;         // o [tokens, heads, head_dim]; overlaps nothing else
  std::int64_t tokens;
  std::int64_t first_position;  // sequence index of the first new token; its own key stands in row first_position
  std::int64_t heads;           // a multiple of kv_heads
  std::int64_t kv_heads;
  std::int64_t head_dim;
  float scale;  // head_dim^(-1/2)
};

// With m = n / (heads / kv_heads) the cache head of query head n, and p = first_position + t:
//   output[t, n] = Σ_{j ≤ p} softmax_j(scale · q[t, n] · k[j, m]) v[j, m]
// Rows past p are never read for token t: what stands there cannot leak, not even as NaN.
//
// Rounding: scores, softmax and sums in float32 or wider, in an order that depends on p alone: a token has the same
// bits however the sequence was split into calls, for every number of threads. Tolerance against the reference: 1e-5 ·
// max_j |v[j, m]|.
void causal_attention(const CausalAttentionArgs& args, ThreadPool& pool) noexcept;

struct SplitQueryGateArgs {
  const float* projected;  // P [tokens, heads, 2 · head_dim], the output of q_proj: per head first query, then gate
  float* queries;          // [tokens, heads, head_dim]
  float* gates;            // [tokens, heads, head_dim]
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t head_dim;
};

// Takes the two halves of every head apart (not of the flat vector: architecture §10.1). Copies, exact.
void split_query_gate(const SplitQueryGateArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
