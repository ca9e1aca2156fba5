#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {

void rope(const RopeArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t half = args.rotary_dim / 2;
  pool.parallel_for(args.tokens, grain_for(4 * args.heads * half), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float* cos = args.cos + t * half;
      const float* sin = args.sin + t * half;
      for (std::int64_t n = 0; n < args.heads; ++n) {
        float* first = args.heads_inout + (t * args.heads + n) * args.head_dim;
        float* second = first + half;
        for (std::int64_t i = 0; i < half; ++i) {
          const float x = first[i], y = second[i];
          first[i] = x * cos[i] - y * sin[i];
          second[i] = y * cos[i] + x * sin[i];
        }
      }
    }
  });
}

}  // namespace nibble::kernels::portable
