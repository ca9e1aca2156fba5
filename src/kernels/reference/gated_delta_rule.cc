#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/reference/activation.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::reference {
namespace {

// S of one value head in float64, [key_dim, value_dim], and one step of the recurrence.
class State {
 public:
  State(std::int64_t key_dim, std::int64_t value_dim, const float* initial)
      : key_dim_(key_dim), value_dim_(value_dim), state_(initial, initial + key_dim * value_dim) {}

  void step(const float* query, const float* key, const float* value, double decay, double beta, float* output) {
    for (double& entry : state_) entry *= std::exp(decay);
    const std::vector<double> read = transposed_product(key);
    for (std::int64_t i = 0; i < key_dim_; ++i) {
      for (std::int64_t d = 0; d < value_dim_; ++d) {
        const double delta = beta * (static_cast<double>(value[d]) - read[static_cast<std::size_t>(d)]);
        state_[static_cast<std::size_t>(i * value_dim_ + d)] += static_cast<double>(key[i]) * delta;
      }
    }
    std::ranges::transform(transposed_product(query), output, [](double o) { return static_cast<float>(o); });
  }

  void store(float* target) const {
    std::ranges::transform(state_, target, [](double entry) { return static_cast<float>(entry); });
  }

 private:
  // Sᵀ x, [value_dim]
  std::vector<double> transposed_product(const float* x) const {
    std::vector<double> product(static_cast<std::size_t>(value_dim_));
    for (std::int64_t i = 0; i < key_dim_; ++i) {
      for (std::int64_t d = 0; d < value_dim_; ++d) {
        product[static_cast<std::size_t>(d)] +=
            state_[static_cast<std::size_t>(i * value_dim_ + d)] * static_cast<double>(x[i]);
      }
    }
    return product;
  }

  std::int64_t key_dim_;
  std::int64_t value_dim_;
  std::vector<double> state_;
};

}  // namespace

void l2_normalize(const L2NormalizeArgs& args, ThreadPool&) noexcept {
  constexpr double kEpsilon = 1e-6;  // a literal of the model's code, not of its configuration
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t h = 0; h < args.heads; ++h) {
      float* head = args.inout + t * args.token_stride + h * args.head_dim;
      double squares = 0;
      for (std::int64_t i = 0; i < args.head_dim; ++i) {
        squares += static_cast<double>(head[i]) * static_cast<double>(head[i]);
      }
      const double factor = static_cast<double>(args.scale) / std::sqrt(squares + kEpsilon);
      for (std::int64_t i = 0; i < args.head_dim; ++i) {
        head[i] = static_cast<float>(static_cast<double>(head[i]) * factor);
      }
    }
  }
}

void delta_gates(const DeltaGatesArgs& args, ThreadPool&) noexcept {
  for (std::int64_t t = 0; t < args.tokens; ++t) {
    for (std::int64_t j = 0; j < args.value_heads; ++j) {
      const std::int64_t at = t * args.value_heads + j;
      const double rate = std::exp(static_cast<double>(args.a_log[j]));
      const double step = softplus(static_cast<double>(args.a[at]) + static_cast<double>(args.dt_bias[j]));
      const double beta = sigmoid(static_cast<double>(args.b[at]));
      args.decay[at] = static_cast<float>(-rate * step);
      args.beta[at] = static_cast<float>(beta);
    }
  }
}

void gated_delta_rule(const GatedDeltaRuleArgs& args, ThreadPool&) noexcept {
  const std::int64_t group = args.value_heads / args.key_heads;  // value heads that share a key head
  for (std::int64_t j = 0; j < args.value_heads; ++j) {
    float* stored = args.state_inout + j * args.key_dim * args.value_dim;
    State state(args.key_dim, args.value_dim, stored);
    for (std::int64_t t = 0; t < args.tokens; ++t) {
      const std::int64_t gate = t * args.value_heads + j;
      state.step(args.queries + t * args.query_stride + j / group * args.key_dim,
                 args.keys + t * args.key_stride + j / group * args.key_dim,
                 args.values + t * args.value_stride + j * args.value_dim, static_cast<double>(args.decay[gate]),
                 static_cast<double>(args.beta[gate]), args.output + gate * args.value_dim);
    }
    state.store(stored);
  }
}

}  // namespace nibble::kernels::reference
