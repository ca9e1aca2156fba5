#include <algorithm>
#include <vector>

#include "kernels/reference/activation.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {

void causal_conv_silu(const CausalConvSiluArgs& args, ThreadPool&) noexcept {
  const std::int64_t past = args.kernel - 1;  // rows of the state
  const std::int64_t channels = args.channels;

  // The whole history in one piece: history row past + t is the input of token t.
  std::vector<float> history(static_cast<std::size_t>((past + args.tokens) * channels));
  std::copy_n(args.state_inout, past * channels, history.data());
  std::copy_n(args.input, args.tokens * channels, history.data() + past * channels);

  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t ch = 0; ch < channels; ++ch) {
      double sum = 0;
      for (std::int64_t i = 0; i < args.kernel; ++i) {
        sum += static_cast<double>(args.weight[i * channels + ch]) *
               static_cast<double>(history.data()[(t + i) * channels + ch]);
      }
      args.output[t * channels + ch] = static_cast<float>(silu(sum));
    }
  }
  std::copy_n(history.data() + args.tokens * channels, past * channels, args.state_inout);
}

}  // namespace nibble::kernels::reference
