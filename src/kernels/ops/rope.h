// Rotary position embedding on the first dimensions of every head (architecture §3.3).
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

struct RopeArgs {
  float* heads_inout;  // x [tokens, heads, head_dim], rotated in place
  const float* cos;    // [tokens, rotary_dim / 2], from RopeTables::fill
  const float* sin;    // [tokens, rotary_dim / 2]
  std::int64_t tokens;
  std::int64_t heads;
  std::int64_t head_dim;
  std::int64_t rotary_dim;  // even, at most head_dim
};

// With h = rotary_dim / 2, for i < h ("half rotation", the pairs are (i, i + h)):
//   x'[i]     = x[i] · cos[i] − x[i + h] · sin[i]
//   x'[i + h] = x[i + h] · cos[i] + x[i] · sin[i]
// Dimensions from rotary_dim on pass through unchanged.
//
// Rounding: float32; tolerance against the reference: 2e-7 · (|x[i]| + |x[i + h]|).
void rope(const RopeArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
