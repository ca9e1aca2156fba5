// The gated delta rule, one value head after the other: token by token for short calls, by chunks for long ones
// (architecture §3.5, whose letters the comments use).
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {
namespace {

constexpr std::int64_t kChunk = 64;
// Below this a chunk costs more than its tokens one by one.
constexpr std::int64_t kShortestChunk = 8;

// exp(−200) is 0 in float32. A decay beyond that would only make the sums of decays lose digits, or, infinite, make NaN
// of their differences.
constexpr float kStrongestDecay = -200.0F;

// One value head of a call.
class Head {
 public:
  Head(const GatedDeltaRuleArgs& args, std::int64_t value_head)
      : args_(args),
        value_head_(value_head),
        key_head_(value_head / (args.value_heads / args.key_heads)),
        state_(args.state_inout + value_head * args.key_dim * args.value_dim) {}

  const float* query(std::int64_t t) const {
    return args_.queries + t * args_.query_stride + key_head_ * args_.key_dim;
  }
  const float* key(std::int64_t t) const { return args_.keys + t * args_.key_stride + key_head_ * args_.key_dim; }
  const float* value(std::int64_t t) const {
    return args_.values + t * args_.value_stride + value_head_ * args_.value_dim;
  }
  float decay(std::int64_t t) const {
    return std::max(args_.decay[t * args_.value_heads + value_head_], kStrongestDecay);
  }
  float beta(std::int64_t t) const { return args_.beta[t * args_.value_heads + value_head_]; }
  float* output(std::int64_t t) const { return args_.output + (t * args_.value_heads + value_head_) * args_.value_dim; }
  std::int64_t output_stride() const { return args_.value_heads * args_.value_dim; }
  float* state() const { return state_; }  // S [key_dim, value_dim]

 private:
  const GatedDeltaRuleArgs& args_;
  std::int64_t value_head_;
  std::int64_t key_head_;
  float* state_;
};

// The single-pass form of a step: with r' = Sᵀk̂ and s' = Sᵀq̂ of the incoming state,
// δ = β(v − e^g r'), o = e^g s' + (k̂·q̂) δ, S ← e^g S + k̂δᵀ.
class Stepper {
 public:
  Stepper(std::int64_t key_dim, std::int64_t value_dim)
      : key_dim_(key_dim),
        value_dim_(value_dim),
        key_and_query_(scratch(2 * key_dim)),
        products_(scratch(2 * value_dim)),
        delta_(scratch(value_dim)) {}

  void step(const Head& head, std::int64_t t) {
    const float* rows = key_and_query_.get();
    std::copy_n(head.key(t), key_dim_, key_and_query_.get());
    std::copy_n(head.query(t), key_dim_, key_and_query_.get() + key_dim_);
    std::fill_n(products_.get(), 2 * value_dim_, 0.0F);
    simd().multiply_add(rows, key_dim_, 1, 2, head.state(), value_dim_, value_dim_, key_dim_, products_.get(),
                        value_dim_);
    float key_query = 0;
    const float* query = rows + key_dim_;
    simd().multiply_transposed(&query, 1, rows, key_dim_, 1, key_dim_, &key_query, 1);

    const float factor = std::exp(head.decay(t)), beta = head.beta(t);
    const float* read = products_.get();
    const float* shown = products_.get() + value_dim_;
    const float* value = head.value(t);
    float* output = head.output(t);
    for (std::int64_t d = 0; d < value_dim_; ++d) {
      delta_[static_cast<std::size_t>(d)] = beta * (value[d] - factor * read[d]);
      output[d] = factor * shown[d] + key_query * delta_[static_cast<std::size_t>(d)];
    }
    simd().scale_add_outer(head.state(), key_dim_, value_dim_, factor, rows, delta_.get());
  }

 private:
  std::int64_t key_dim_;
  std::int64_t value_dim_;
  Scratch key_and_query_;  // [2, key_dim]
  Scratch products_;       // [2, value_dim]
  Scratch delta_;          // [value_dim]
};

// Up to kChunk tokens at once.
class Chunk {
 public:
  explicit Chunk(const GatedDeltaRuleArgs& args)
      : args_(args),
        attention_(scratch(kChunk * kChunk)),
        coupling_(scratch(kChunk * kChunk)),
        decays_(scratch(kChunk * kChunk)),
        written_(scratch(kChunk * args.value_dim)),
        carried_(scratch(kChunk * args.value_dim)) {}

  // Tokens [first, first + tokens) of one head.
  void run(const Head& head, std::int64_t first, std::int64_t tokens) {
    first_ = first;
    tokens_ = tokens;
    sum_decays(head);
    couple_tokens(head);
    read_state(head);
    solve();
    write_output(head);
    write_state(head);
  }

 private:
  // cumulative_[i] = G_i, in float64 so that mild decays after strong ones keep their digits;
  // decays_[i, j] = exp(G_i − G_j) for j ≤ i. The difference is ≤ 0: no decay makes an infinity.
  void sum_decays(const Head& head) {
    double sum = 0;
    for (std::int64_t i = 0; i < tokens_; ++i) {
      sum += static_cast<double>(head.decay(first_ + i));
      cumulative_[static_cast<std::size_t>(i)] = sum;
      float* row = decays_.get() + i * kChunk;
      for (std::int64_t j = 0; j <= i; ++j) {
        row[j] = static_cast<float>(sum - cumulative_[static_cast<std::size_t>(j)]);
      }
      simd().exp_shifted(row, i + 1, 1.0F, 0.0F);
      from_start_[static_cast<std::size_t>(i)] = std::exp(static_cast<float>(sum));
    }
  }

  // coupling_[i, j] = −A_ij = −β_i (k̂_i·k̂_j) exp(G_i − G_j) for j < i;
  // attention_[i, j] = (q̂_i·k̂_j) exp(G_i − G_j) for j ≤ i. What lies above is never read.
  void couple_tokens(const Head& head) {
    std::array<const float*, kChunk> keys, queries;
    for (std::int64_t i = 0; i < tokens_; ++i) {
      keys[static_cast<std::size_t>(i)] = head.key(first_ + i);
      queries[static_cast<std::size_t>(i)] = head.query(first_ + i);
    }
    simd().multiply_transposed(keys.data(), tokens_, head.key(first_), args_.key_stride, tokens_, args_.key_dim,
                               coupling_.get(), kChunk);
    simd().multiply_transposed(queries.data(), tokens_, head.key(first_), args_.key_stride, tokens_, args_.key_dim,
                               attention_.get(), kChunk);
    for (std::int64_t i = 0; i < tokens_; ++i) {
      const float negative_beta = -head.beta(first_ + i);
      const float* decays = decays_.get() + i * kChunk;
      for (std::int64_t j = 0; j <= i; ++j) {
        coupling_[static_cast<std::size_t>(i * kChunk + j)] *= negative_beta * decays[j];
        attention_[static_cast<std::size_t>(i * kChunk + j)] *= decays[j];
      }
    }
  }

  // written_[i] = β_i (v_i − e^{G_i} Sᵀk̂_i), the right-hand side; carried_[i] = e^{G_i} Sᵀq̂_i.
  void read_state(const Head& head) {
    multiply_by_state(head, head.key(first_), args_.key_stride, written_.get());
    multiply_by_state(head, head.query(first_), args_.query_stride, carried_.get());
    for (std::int64_t i = 0; i < tokens_; ++i) {
      const float factor = from_start_[static_cast<std::size_t>(i)], beta = head.beta(first_ + i);
      const float* value = head.value(first_ + i);
      float* written = written_.get() + i * args_.value_dim;
      float* carried = carried_.get() + i * args_.value_dim;
      for (std::int64_t d = 0; d < args_.value_dim; ++d) {
        written[d] = beta * (value[d] - factor * written[d]);
        carried[d] *= factor;
      }
    }
  }

  // product [tokens, value_dim] = rows [tokens, key_dim] · S
  void multiply_by_state(const Head& head, const float* rows, std::int64_t stride, float* product) {
    std::fill_n(product, tokens_ * args_.value_dim, 0.0F);
    simd().multiply_add(rows, stride, 1, tokens_, head.state(), args_.value_dim, args_.value_dim, args_.key_dim,
                        product, args_.value_dim);
  }

  // written_ becomes N = (I + A)⁻¹ · written_, by forward substitution.
  void solve() {
    for (std::int64_t i = 1; i < tokens_; ++i) {
      simd().multiply_add(coupling_.get() + i * kChunk, kChunk, 1, 1, written_.get(), args_.value_dim, args_.value_dim,
                          i, written_.get() + i * args_.value_dim, args_.value_dim);
    }
  }

  // o_i = carried_i + Σ_{j ≤ i} attention_ij N_j
  void write_output(const Head& head) {
    for (std::int64_t i = 0; i < tokens_; ++i) {
      float* output = head.output(first_ + i);
      std::copy_n(carried_.get() + i * args_.value_dim, args_.value_dim, output);
      simd().multiply_add(attention_.get() + i * kChunk, kChunk, 1, 1, written_.get(), args_.value_dim, args_.value_dim,
                          i + 1, output, args_.value_dim);
    }
  }

  // S ← e^{G_last} S + Σ_j k̂_j (e^{G_last − G_j} N_j)ᵀ
  void write_state(const Head& head) {
    const float* to_end = decays_.get() + (tokens_ - 1) * kChunk;
    for (std::int64_t j = 0; j < tokens_; ++j) {
      float* row = written_.get() + j * args_.value_dim;
      for (std::int64_t d = 0; d < args_.value_dim; ++d) row[d] *= to_end[j];
    }
    const float factor = from_start_[static_cast<std::size_t>(tokens_ - 1)];
    for (std::int64_t x = 0; x < args_.key_dim * args_.value_dim; ++x) head.state()[x] *= factor;
    simd().multiply_add(head.key(first_), 1, args_.key_stride, args_.key_dim, written_.get(), args_.value_dim,
                        args_.value_dim, tokens_, head.state(), args_.value_dim);
  }

  const GatedDeltaRuleArgs& args_;
  std::int64_t first_ = 0;
  std::int64_t tokens_ = 0;
  std::array<double, kChunk> cumulative_{};  // G
  std::array<float, kChunk> from_start_{};   // e^G
  Scratch attention_;                        // [kChunk, kChunk]
  Scratch coupling_;                         // [kChunk, kChunk]
  Scratch decays_;                           // [kChunk, kChunk]
  Scratch written_;                          // N [kChunk, value_dim]
  Scratch carried_;                          // [kChunk, value_dim]
};

void run_head(const GatedDeltaRuleArgs& args, std::int64_t value_head) {
  const Head head(args, value_head);
  std::int64_t t = 0;
  if (args.tokens >= kShortestChunk) {
    Chunk chunk(args);
    for (; args.tokens - t >= kShortestChunk; t += std::min(kChunk, args.tokens - t)) {
      chunk.run(head, t, std::min(kChunk, args.tokens - t));
    }
  }
  Stepper stepper(args.key_dim, args.value_dim);
  for (; t < args.tokens; ++t) stepper.step(head, t);
}

}  // namespace

void delta_gates(const DeltaGatesArgs& args, ThreadPool& pool) noexcept {
  constexpr std::int64_t kGateCost = 32;  // three exponentials and a logarithm
  pool.parallel_for(args.tokens, grain_for(kGateCost * args.value_heads), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t j = 0; j < args.value_heads; ++j) {
        const std::int64_t at = t * args.value_heads + j;
        const float x = args.a[at] + args.dt_bias[j];
        const float softplus = x > 20.0F ? x : std::log1p(std::exp(x));
        const float beta = 1.0F / (1.0F + std::exp(-args.b[at]));
        args.decay[at] = -std::exp(args.a_log[j]) * softplus;
        args.beta[at] = beta;
      }
    }
  });
}

void gated_delta_rule(const GatedDeltaRuleArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t cost = args.tokens * args.key_dim * args.value_dim * 4;
  pool.parallel_for(args.value_heads, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) run_head(args, j);
  });
}

}  // namespace nibble::kernels::portable
