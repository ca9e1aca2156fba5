#include "kernels/ops/causal_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

// A sequence whose keys and values all stand in the cache; what lies behind them is NaN.
struct Sequence {
  std::int64_t heads, kv_heads, head_dim, length;
  Floats queries;  // [length, heads, head_dim]
  Floats keys;     // [capacity, kv_heads, head_dim]
  Floats values;

  Sequence(std::int64_t length_, std::int64_t heads_, std::int64_t kv_heads_, std::int64_t head_dim_,
           float query_deviation = 1.0F)
      : heads(heads_), kv_heads(kv_heads_), head_dim(head_dim_), length(length_) {
    Random random(13);
    queries = random.normals(length * heads * head_dim, query_deviation);
    keys = random.normals(length * kv_heads * head_dim);
    values = random.normals(length * kv_heads * head_dim);
    keys.resize(keys.size() + 100, std::numeric_limits<float>::quiet_NaN());
    values.resize(keys.size(), std::numeric_limits<float>::quiet_NaN());
  }

  // Outputs of tokens [first, first + tokens).
  template <typename Function>
  Floats attend(Function function, std::int64_t first, std::int64_t tokens, ThreadPool& pool) const {
    Floats output(static_cast<std::size_t>(tokens * heads * head_dim));
    function({.queries = queries.data() + first * heads * head_dim,
              .keys = keys.data(),
              .values = values.data(),
              .output = output.data(),
              .tokens = tokens,
              .first_position = first,
              .heads = heads,
              .kv_heads = kv_heads,
              .head_dim = head_dim,
              .scale = 1.0F / std::sqrt(static_cast<float>(head_dim))},
             pool);
    return output;
  }

  std::span<const float> rows(const Floats& output, std::int64_t first, std::int64_t tokens) const {
    const auto row = static_cast<std::size_t>(heads * head_dim);
    return std::span(output).subspan(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(tokens) * row);
  }
};

class CausalAttentionTest : public PortableTest {};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(CausalAttentionTest);

TEST_P(CausalAttentionTest, AgreesWithTheReference) {
  for (const Sequence& sequence : {Sequence(1, 3, 3, 8), Sequence(65, 6, 3, 20), Sequence(130, 4, 2, 64),
                                   Sequence(40, 16, 2, 33), Sequence(33, 40, 1, 24)}) {
    for (const std::int64_t first : {std::int64_t{0}, sequence.length - 1, sequence.length / 2}) {
      const std::int64_t tokens = sequence.length - first;
      EXPECT_TRUE(within(sequence.attend(portable::causal_attention, first, tokens, pool_),
                         sequence.attend(reference::causal_attention, first, tokens, pool_),
                         1e-5F * 3.5F))  // values are bounded by 3.5
          << sequence.heads << " heads, " << sequence.kv_heads << " in the cache, from " << first;
    }
  }
}

TEST_P(CausalAttentionTest, SharpDistributionsStayFinite) {
  const Sequence sequence(100, 2, 1, 16, 500.0F);  // scores of thousands: softmax is almost a choice
  EXPECT_TRUE(within(sequence.attend(portable::causal_attention, 0, 100, pool_),
                     sequence.attend(reference::causal_attention, 0, 100, pool_), 5e-3F));
}

TEST_P(CausalAttentionTest, SplitsAndThreadsDoNotShow) {
  const Sequence sequence(150, 6, 3, 40);
  const Floats whole = sequence.attend(portable::causal_attention, 0, 150, pool_);
  ThreadPool one(1);
  std::int64_t first = 0;
  for (const std::int64_t tokens : {1, 2, 60, 1, 1, 70, 15}) {
    EXPECT_TRUE(
        same_bits(sequence.attend(portable::causal_attention, first, tokens, one), sequence.rows(whole, first, tokens)))
        << tokens << " tokens from " << first;
    first += tokens;
  }
}

TEST_P(CausalAttentionTest, LaterKeysCannotLeak) {
  Sequence sequence(20, 2, 2, 12);
  const Floats clean = sequence.attend(portable::causal_attention, 0, 20, pool_);
  const std::size_t last_row = 19 * 2 * 12;
  std::fill_n(sequence.keys.begin() + last_row, 24, std::numeric_limits<float>::infinity());
  std::fill_n(sequence.values.begin() + last_row, 24, std::numeric_limits<float>::quiet_NaN());
  const Floats poisoned = sequence.attend(portable::causal_attention, 0, 20, pool_);
  EXPECT_TRUE(same_bits(sequence.rows(poisoned, 0, 19), sequence.rows(clean, 0, 19)));
  EXPECT_TRUE(std::isnan(poisoned.back()));
}

TEST_P(CausalAttentionTest, QueryAndGateAreSplitPerHead) {
  const std::int64_t tokens = 3, heads = 2, head_dim = 5;
  Floats projected(static_cast<std::size_t>(tokens * heads * 2 * head_dim));
  for (std::size_t i = 0; i < projected.size(); ++i) projected[i] = static_cast<float>(i);
  Floats queries(static_cast<std::size_t>(tokens * heads * head_dim)), gates(queries.size());
  for (const auto split : {reference::split_query_gate, portable::split_query_gate}) {
    split({projected.data(), queries.data(), gates.data(), tokens, heads, head_dim}, pool_);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const std::size_t head = i / 5, dim = i % 5;
      EXPECT_EQ(queries[i], static_cast<float>(head * 10 + dim));
      EXPECT_EQ(gates[i], static_cast<float>(head * 10 + 5 + dim));
    }
  }
}

}  // namespace
}  // namespace nibble::kernels::testing
