// Root-mean-square normalisation (architecture §3).
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

struct RmsNormArgs {
  const float* input;   // x [rows, width]
  const float* weight;  // w [width], a plain multiplier: whoever loads a zero-centred weight passes 1 + w
  float* output;        // [rows, width]; may be the input itself
  std::int64_t rows;    // tokens, or tokens · heads for the norm of queries and keys
  std::int64_t width;
  float epsilon;
};

// output[r, i] = x[r, i] · rsqrt(mean_i(x[r, i]²) + epsilon) · w[i]
//
// Rounding: float32 or wider throughout, nothing observable between input and output. Rows do not see each other.
// Tolerance against the reference: 2e-6 relative.
void rms_norm(const RmsNormArgs& args, ThreadPool& pool) noexcept;

struct GatedRmsNormArgs {
  const float* input;   // o [rows, width]: rows = tokens · value heads, each head by itself
  const float* gate;    // z [rows, width]
  const float* weight;  // w [width], shared by all heads
  float* output;        // [rows, width]; may be the input itself, not the gate
  std::int64_t rows;
  std::int64_t width;
  float epsilon;
};

// output[r, i] = o[r, i] · rsqrt(mean_i(o[r, i]²) + epsilon) · w[i] · silu(z[r, i]): first the norm, then the gate
// (architecture §3.5, "Output").
//
// Rounding and tolerance: as rms_norm; 4e-6 relative.
void gated_rms_norm(const GatedRmsNormArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
