// Operations that see one element at a time: gates, activations and the residual stream.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

// σ(x) = 1 / (1 + exp(−x)), silu(x) = x · σ(x). Both are finite for every finite x.
// Tolerance against the reference for every operation here: 1e-6 relative.

struct SigmoidGateArgs {
  float* inout;       // y [count]
  const float* gate;  // e [count]
  std::int64_t count;
};

// y[i] ← y[i] · σ(e[i]): the output gate of full attention, before o_proj (architecture §3.2).
void sigmoid_gate(const SigmoidGateArgs& args, ThreadPool& pool) noexcept;

struct SwigluArgs {
  const float* gate;  // [count]
  const float* up;    // [count]
  float* output;      // [count]; may be gate or up
  std::int64_t count;
};

// output[i] = silu(gate[i]) · up[i]
void swiglu(const SwigluArgs& args, ThreadPool& pool) noexcept;

struct AddArgs {
  float* inout;         // y [count]
  const float* addend;  // x [count]
  std::int64_t count;
};

// y[i] ← y[i] + x[i], one float32 rounding: the residual stream.
void add(const AddArgs& args, ThreadPool& pool) noexcept;

struct GatedAddArgs {
  float* inout;             // y [tokens, width]
  const float* addend;      // x [tokens, width]
  const float* gate_logit;  // e [tokens], one scalar a token
  std::int64_t tokens;
  std::int64_t width;
};

// y[t, i] ← y[t, i] + σ(e[t]) · x[t, i]: how the shared expert joins the routed ones (architecture §3.6).
void gated_add(const GatedAddArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
