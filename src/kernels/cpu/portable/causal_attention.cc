// Attention by blocks of keys with a running maximum (arXiv 2205.14135): the scores of a long context never stand in
// memory together. Blocks start at multiples of kKeyBlock of the sequence, whatever the call: that keeps the order of a
// token's sums the same however the sequence was split.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/cpu/portable/work.h"

namespace nibble::kernels::portable {
namespace {

constexpr std::int64_t kKeyBlock = 64;
constexpr std::int64_t kQueryRows = 32;  // rows (token, query head) that share a pass over the keys

// Some consecutive tokens with all query heads of one cache head: the rows of a small matrix of queries.
class QueryBlock {
 public:
  QueryBlock(const CausalAttentionArgs& args, std::int64_t kv_head, std::int64_t first_token, std::int64_t tokens)
      : args_(args),
        kv_head_(kv_head),
        first_token_(first_token),
        tokens_(tokens),
        group_(args.heads / args.kv_heads),
        rows_(tokens * group_),
        scores_(scratch(rows_ * kKeyBlock)),
        sums_(scratch(rows_ * args.head_dim)),
        largest_(static_cast<std::size_t>(rows_), -std::numeric_limits<float>::infinity()),
        denominator_(static_cast<std::size_t>(rows_)) {
    std::fill_n(sums_.get(), rows_ * args.head_dim, 0.0F);
    for (std::int64_t row = 0; row < rows_; ++row) queries_.push_back(args.queries + head_offset(row));
  }

  void attend() {
    const std::int64_t keys = last_position(tokens_ - 1) + 1;
    for (std::int64_t first_key = 0; first_key < keys; first_key += kKeyBlock) {
      visit_keys(first_key, std::min(kKeyBlock, keys - first_key));
    }
    for (std::int64_t row = 0; row < rows_; ++row) {
      const float inverse = 1.0F / denominator_[static_cast<std::size_t>(row)];
      const float* sums = sums_.get() + row * args_.head_dim;
      std::transform(sums, sums + args_.head_dim, args_.output + head_offset(row),
                     [inverse](float sum) { return sum * inverse; });
    }
  }

 private:
  // Where the row's head begins in queries and output.
  std::int64_t head_offset(std::int64_t row) const {
    const std::int64_t token = first_token_ + row / group_;
    return (token * args_.heads + kv_head_ * group_ + row % group_) * args_.head_dim;
  }

  // Sequence index of a token of this block: the last key it sees.
  std::int64_t last_position(std::int64_t token) const { return args_.first_position + first_token_ + token; }

  void visit_keys(std::int64_t first_key, std::int64_t keys) {
    const std::int64_t cache_row = args_.kv_heads * args_.head_dim;
    const std::int64_t cache_offset = first_key * cache_row + kv_head_ * args_.head_dim;
    simd().multiply_transposed(queries_.data(), rows_, args_.keys + cache_offset, cache_row, keys, args_.head_dim,
                               scores_.get(), kKeyBlock);
    for (std::int64_t token = 0; token < tokens_; ++token) {
      const std::int64_t visible = std::min(keys, last_position(token) + 1 - first_key);
      if (visible <= 0) continue;
      for (std::int64_t row = token * group_; row < (token + 1) * group_; ++row) scores_to_weights(row, visible);
      // Key by key as far as this token sees: a weight of 0 for the others would still let a NaN through.
      simd().multiply_add(scores_.get() + token * group_ * kKeyBlock, kKeyBlock, 1, group_, args_.values + cache_offset,
                          cache_row, args_.head_dim, visible, sums_.get() + token * group_ * args_.head_dim,
                          args_.head_dim);
    }
  }

  // exp(scale · score − maximum so far) of one row; rescales what was summed under a smaller maximum.
  void scores_to_weights(std::int64_t row, std::int64_t keys) {
    float* scores = scores_.get() + row * kKeyBlock;
    float& largest = largest_[static_cast<std::size_t>(row)];
    float& denominator = denominator_[static_cast<std::size_t>(row)];
    const float before = largest;
    largest = std::max(before, args_.scale * simd().maximum(scores, keys));
    if (largest > before) {
      const float rescale = std::exp(before - largest);
      denominator *= rescale;
      float* sums = sums_.get() + row * args_.head_dim;
      for (std::int64_t i = 0; i < args_.head_dim; ++i) sums[i] *= rescale;
    }
    denominator += simd().exp_shifted(scores, keys, args_.scale, largest);
  }

  const CausalAttentionArgs& args_;
  std::int64_t kv_head_;
  std::int64_t first_token_;
  std::int64_t tokens_;
  std::int64_t group_;  // query heads that share the cache head
  std::int64_t rows_;
  std::vector<const float*> queries_;  // [rows], each [head_dim]
  Scratch scores_;                     // [rows, kKeyBlock]
  Scratch sums_;                       // [rows, head_dim]
  std::vector<float> largest_;         // [rows]
  std::vector<float> denominator_;     // [rows]
};

}  // namespace

void causal_attention(const CausalAttentionArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t block = std::max<std::int64_t>(1, kQueryRows / (args.heads / args.kv_heads));
  const std::int64_t blocks = (args.tokens + block - 1) / block;
  const std::int64_t cost = 2 * kQueryRows * args.head_dim * (args.first_position + (args.tokens + 1) / 2);
  // The later a block, the more keys it sees: late ones first, so that none is left over at the end.
  pool.parallel_for(blocks * args.kv_heads, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first_token = (blocks - 1 - item / args.kv_heads) * block;
      QueryBlock(args, item % args.kv_heads, first_token, std::min(block, args.tokens - first_token)).attend();
    }
  });
}

void split_query_gate(const SplitQueryGateArgs& args, ThreadPool& pool) noexcept {
  const std::int64_t width = args.head_dim;
  pool.parallel_for(args.tokens * args.heads, grain_for(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* head = args.projected + row * 2 * width;
      std::copy_n(head, width, args.queries + row * width);
      std::copy_n(head + width, width, args.gates + row * width);
    }
  });
}

}  // namespace nibble::kernels::portable
