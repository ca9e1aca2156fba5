#include <cmath>

#include "kernels/reference/activation.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {
namespace {

double inverse_rms(const float* row, std::int64_t width, double epsilon) {
  double squares = 0;
  for (std::int64_t i = 0; i < width; ++i) squares += static_cast<double>(row[i]) * static_cast<double>(row[i]);
  return 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
}

}  // namespace

void rms_norm(const RmsNormArgs& args, ThreadPool&) noexcept {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* row = args.input + r * args.width;
    const double inverse = inverse_rms(row, args.width, static_cast<double>(args.epsilon));
    for (std::int64_t i = 0; i < args.width; ++i) {
      const double value = static_cast<double>(row[i]) * inverse * static_cast<double>(args.weight[i]);
      args.output[r * args.width + i] = static_cast<float>(value);
    }
  }
}

void gated_rms_norm(const GatedRmsNormArgs& args, ThreadPool&) noexcept {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* row = args.input + r * args.width;
    const float* gate = args.gate + r * args.width;
    const double inverse = inverse_rms(row, args.width, static_cast<double>(args.epsilon));
    for (std::int64_t i = 0; i < args.width; ++i) {
      const double normed = static_cast<double>(row[i]) * inverse * static_cast<double>(args.weight[i]);
      args.output[r * args.width + i] = static_cast<float>(normed * silu(static_cast<double>(gate[i])));
    }
  }
}

}  // namespace nibble::kernels::reference
