#include <algorithm>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {
namespace {

// The raw inputs of token t, where t < 0 counts back into the state.
const float* input_row(const CausalConvSiluArgs& args, std::int64_t t) {
  return t >= 0 ? args.input + t * args.channels : args.state_inout + (args.kernel - 1 + t) * args.channels;
}

// The state after this call: inputs of the last kernel − 1 tokens, some of them perhaps from the state before. A row
// moves towards the front, so ascending order overwrites nothing that is still needed.
void advance_state(const CausalConvSiluArgs& args) {
  const std::int64_t past = args.kernel - 1;
  for (std::int64_t row = 0; row < past; ++row) {
    std::copy_n(input_row(args, args.tokens - past + row), args.channels, args.state_inout + row * args.channels);
  }
}

}  // namespace

void causal_conv_silu(const CausalConvSiluArgs& args, ThreadPool& pool) noexcept {
  if (args.tokens == 0) return;
  const std::int64_t channels = args.channels;
  pool.parallel_for(args.tokens, grain_for(channels * (args.kernel + 8)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      float* output = args.output + t * channels;
      std::fill_n(output, channels, 0.0F);
      for (std::int64_t i = 0; i < args.kernel; ++i) {
        const float* input = input_row(args, t - (args.kernel - 1) + i);
        const float* weight = args.weight + i * channels;
        for (std::int64_t ch = 0; ch < channels; ++ch) output[ch] += weight[ch] * input[ch];
      }
      simd().silu(output, channels);
    }
  });
  advance_state(args);
}

}  // namespace nibble::kernels::portable
