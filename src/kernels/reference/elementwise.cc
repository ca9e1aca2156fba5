#include "kernels/reference/activation.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {

void sigmoid_gate(const SigmoidGateArgs& args, ThreadPool&) noexcept {
  for (std::int64_t i = 0; i < args.count; ++i) {
    const double gate = sigmoid(static_cast<double>(args.gate[i]));
    args.inout[i] = static_cast<float>(static_cast<double>(args.inout[i]) * gate);
  }
}

void swiglu(const SwigluArgs& args, ThreadPool&) noexcept {
  for (std::int64_t i = 0; i < args.count; ++i) {
    args.output[i] = static_cast<float>(silu(static_cast<double>(args.gate[i])) * static_cast<double>(args.up[i]));
  }
}

void add(const AddArgs& args, ThreadPool&) noexcept {
  for (std::int64_t i = 0; i < args.count; ++i) args.inout[i] += args.addend[i];
}

void gated_add(const GatedAddArgs& args, ThreadPool&) noexcept {
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    const double gate = sigmoid(static_cast<double>(args.gate_logit[t]));
    for (std::int64_t i = t * args.width; i < (t + 1) * args.width; ++i) {
      args.inout[i] =
          static_cast<float>(static_cast<double>(args.inout[i]) + gate * static_cast<double>(args.addend[i]));
    }
  }
}

}  // namespace nibble::kernels::reference
