#include <vector>

#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {

void linear(const LinearArgs& args, ThreadPool&) noexcept {
  const std::int64_t rows = args.weight.rows, cols = args.weight.cols;
  std::vector<float> weight_row(static_cast<std::size_t>(cols));
  for (std::int64_t r = 0; r < rows; ++r) {
    numerics::decode_row(args.weight, r, weight_row.data());
    for (std::int64_t t = 0; t < args.tokens; ++t) {
      double sum = 0;
      for (std::int64_t c = 0; c < cols; ++c) {
        sum += static_cast<double>(args.input[t * cols + c]) * static_cast<double>(weight_row.data()[c]);
      }
      args.output[t * rows + r] = static_cast<float>(sum);
    }
  }
}

}  // namespace nibble::kernels::reference
