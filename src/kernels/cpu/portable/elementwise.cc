#include <cmath>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {
namespace {

constexpr std::int64_t kExpCost = 8;  // an exponential in multiply-adds, roughly

}  // namespace

void sigmoid_gate(const SigmoidGateArgs& args, ThreadPool& pool) noexcept {
  pool.parallel_for(args.count, grain_for(kExpCost), [&](std::int64_t begin, std::int64_t end) {
    simd().sigmoid_multiply(args.gate + begin, args.inout + begin, end - begin);
  });
}

void swiglu(const SwigluArgs& args, ThreadPool& pool) noexcept {
  pool.parallel_for(args.count, grain_for(kExpCost), [&](std::int64_t begin, std::int64_t end) {
    simd().silu_multiply(args.gate + begin, args.up + begin, args.output + begin, end - begin);
  });
}

void add(const AddArgs& args, ThreadPool& pool) noexcept {
  pool.parallel_for(args.count, grain_for(1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) args.inout[i] += args.addend[i];
  });
}

void gated_add(const GatedAddArgs& args, ThreadPool& pool) noexcept {
  pool.parallel_for(args.tokens, grain_for(args.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float gate = 1.0F / (1.0F + std::exp(-args.gate_logit[t]));
      for (std::int64_t i = t * args.width; i < (t + 1) * args.width; ++i) args.inout[i] += gate * args.addend[i];
    }
  });
}

}  // namespace nibble::kernels::portable
