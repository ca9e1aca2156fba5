#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/reference/activation.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {
namespace {

std::vector<double> product(const numerics::MatrixView& weight, const std::vector<double>& x) {
  std::vector<float> row(static_cast<std::size_t>(weight.cols));
  std::vector<double> result(static_cast<std::size_t>(weight.rows));
  for (std::int64_t r = 0; r < weight.rows; ++r) {
    numerics::decode_row(weight, r, row.data());
    for (std::size_t c = 0; c < row.size(); ++c) {
      result[static_cast<std::size_t>(r)] += static_cast<double>(row[c]) * x[c];
    }
  }
  return result;
}

// NaN below everything: ids stay distinct and in range whatever the logits are.
double comparable(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<double>::infinity() : static_cast<double>(logit);
}

}  // namespace

void moe_router(const MoeRouterArgs& args, ThreadPool&) noexcept {
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    const float* logits = args.logits + t * args.experts;
    std::vector<std::int32_t> order(static_cast<std::size_t>(args.experts));
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::int32_t e) { return std::pair(-comparable(logits[e]), e); });

    // Softmax over all, renormalised over the chosen: the denominator over all cancels.
    const double largest = static_cast<double>(logits[order[0]]);
    double sum = 0;
    for (std::int64_t s = 0; s < args.top_k; ++s) {
      sum += std::exp(static_cast<double>(logits[order[static_cast<std::size_t>(s)]]) - largest);
    }
    for (std::int64_t s = 0; s < args.top_k; ++s) {
      const std::int32_t expert = order[static_cast<std::size_t>(s)];
      args.expert_ids[t * args.top_k + s] = expert;
      args.weights[t * args.top_k + s] =
          static_cast<float>(std::exp(static_cast<double>(logits[expert]) - largest) / sum);
    }
  }
}

void moe_experts(const MoeExpertsArgs& args, ThreadPool&) noexcept {
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    const std::vector<double> x(args.input + t * args.hidden, args.input + (t + 1) * args.hidden);
    std::vector<double> y(static_cast<std::size_t>(args.hidden));
    for (std::int64_t s = t * args.top_k; s < (t + 1) * args.top_k; ++s) {
      const ExpertWeights& expert = args.experts[static_cast<std::size_t>(args.expert_ids[s])];
      std::vector<double> activation = product(expert.gate, x);
      const std::vector<double> up = product(expert.up, x);
      for (std::size_t i = 0; i < activation.size(); ++i) activation[i] = silu(activation[i]) * up[i];
      if (args.activations != nullptr) {
        std::ranges::transform(activation, args.activations + s * args.expert_width,
                               [](double a) { return static_cast<float>(a); });
      }
      const std::vector<double> down = product(expert.down, activation);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += static_cast<double>(args.weights[s]) * down[i];
    }
    std::ranges::transform(y, args.output + t * args.hidden, [](double value) { return static_cast<float>(value); });
  }
}

}  // namespace nibble::kernels::reference
