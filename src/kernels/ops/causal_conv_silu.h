// Depthwise causal convolution with SiLU in front of the delta rule (architecture §3.4).
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace nibble::kernels {

struct CausalConvSiluArgs {
  const float* input;   // m [tokens, channels], raw projections
  const float* weight;  // w [kernel, channels]: taps outermost (a checkpoint has [channels, 1, kernel]), the last tap
                        // multiplies the current token
  float* state_inout;  // [kernel − 1, channels]: the raw inputs before this call, oldest first; zeros at the start of a
                       // sequence. Holds the last kernel − 1 raw inputs afterwards.
  float* output;       // c [tokens, channels]; overlaps nothing else
  std::int64_t tokens;  // any number, also fewer than kernel − 1
  std::int64_t channels;
  std::int64_t kernel;  // at least 1
};

// With m[−1], m[−2], … the newest, second newest, … row of the state:
//   output[t, ch] = silu( Σ_{i < kernel} w[i, ch] · m[t − (kernel − 1) + i, ch] )
//
// Rounding: float32 or wider, taps in ascending order, so the bits do not depend on how the sequence was split into
// calls. Tolerance against the reference: 1e-6 · Σ_i |w[i, ch] · m[…]|.
void causal_conv_silu(const CausalConvSiluArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
