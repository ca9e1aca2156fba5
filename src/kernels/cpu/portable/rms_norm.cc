#include <cmath>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {
namespace {

void normalize_row(const float* row, const float* weight, float* output, std::int64_t width, float epsilon) {
  const float mean = simd().sum_of_squares(row, width) / static_cast<float>(width);
  const float inverse = 1.0F / std::sqrt(mean + epsilon);
  for (std::int64_t i = 0; i < width; ++i) output[i] = row[i] * inverse * weight[i];
}

}  // namespace

void rms_norm(const RmsNormArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t width = args.width;
  pool.parallel_for(args.rows, grain_for(3 * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      normalize_row(args.input + r * width, args.weight, args.output + r * width, width, args.epsilon);
    }
  });
}

void gated_rms_norm(const GatedRmsNormArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t width = args.width;
  pool.parallel_for(args.rows, grain_for(12 * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* output = args.output + r * width;
      normalize_row(args.input + r * width, args.weight, output, width, args.epsilon);
      simd().silu_multiply(args.gate + r * width, output, output, width);
    }
  });
}

void l2_normalize(const L2NormalizeArgs& args, ThreadPool& pool) noexcept {
  constexpr float kEpsilon = 1e-6F;  // a literal of the model's code, not of its configuration
  const std::int64_t width = args.head_dim;
  pool.parallel_for(args.tokens, grain_for(2 * args.heads * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t h = 0; h < args.heads; ++h) {
        float* head = args.inout + t * args.token_stride + h * width;
        const float factor = args.scale / std::sqrt(simd().sum_of_squares(head, width) + kEpsilon);
        for (std::int64_t i = 0; i < width; ++i) head[i] *= factor;
      }
    }
  });
}

}  // namespace nibble::kernels::portable
