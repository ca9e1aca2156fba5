#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {

void rope(const RopeArgs& args, ThreadPool&) noexcept {
  const std::int64_t half = args.rotary_dim / 2;
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t n = 0; n < args.heads; ++n) {
      float* head = args.heads_inout + (t * args.heads + n) * args.head_dim;
      for (std::int64_t i = 0; i < half; ++i) {
        const double cos = static_cast<double>(args.cos[t * half + i]);
        const double sin = static_cast<double>(args.sin[t * half + i]);
        const double first = static_cast<double>(head[i]);
        const double second = static_cast<double>(head[i + half]);
        head[i] = static_cast<float>(first * cos - second * sin);
        head[i + half] = static_cast<float>(second * cos + first * sin);
      }
    }
  }
}

}  // namespace nibble::kernels::reference
