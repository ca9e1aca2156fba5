#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {
namespace {

// scores[j] of one query becomes its probability.
void softmax(std::vector<double>& scores) {
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (double& score : scores) score /= sum;
}

}  // namespace

void causal_attention(const CausalAttentionArgs& args, ThreadPool&) noexcept {
  const std::int64_t group = args.heads / args.kv_heads;  // query heads that share a cache head
  const std::int64_t cache_row = args.kv_heads * args.head_dim;
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t n = 0; n < args.heads; ++n) {
      const float* query = args.queries + (t * args.heads + n) * args.head_dim;
      const float* keys = args.keys + (n / group) * args.head_dim;
      const float* values = args.values + (n / group) * args.head_dim;

      std::vector<double> scores(static_cast<std::size_t>(args.first_position + t + 1));
      for (std::size_t j = 0; j < scores.size(); ++j) {
        const float* key = keys + static_cast<std::int64_t>(j) * cache_row;
        for (std::int64_t i = 0; i < args.head_dim; ++i) {
          scores[j] += static_cast<double>(query[i]) * static_cast<double>(key[i]);
        }
        scores[j] *= static_cast<double>(args.scale);
      }
      softmax(scores);

      for (std::int64_t i = 0; i < args.head_dim; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < scores.size(); ++j) {
          sum += scores[j] * static_cast<double>(values[static_cast<std::int64_t>(j) * cache_row + i]);
        }
        args.output[(t * args.heads + n) * args.head_dim + i] = static_cast<float>(sum);
      }
    }
  }
}

void split_query_gate(const SplitQueryGateArgs& args, ThreadPool&) noexcept {
  for (std::int64_t row = 0; row < args.tokens * args.heads; ++row) {
    const float* head = args.projected + row * 2 * args.head_dim;
    std::copy_n(head, args.head_dim, args.queries + row * args.head_dim);
    std::copy_n(head + args.head_dim, args.head_dim, args.gates + row * args.head_dim);
  }
}

}  // namespace nibble::kernels::reference
