#include "model/qwen36/attention.h"

#include <cmath>

#include "kernels/ops/causal_attention.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"

namespace nibble::model::qwen36 {
namespace {

// heads [tokens, count, head_dim], in place: x ← rope(rms_norm(x))
void norm_and_rotate(float* heads, std::int64_t count, const std::vector<float>& norm, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  kernels::rms_norm({.input = heads,
                     .weight = norm.data(),
                     .output = heads,
                     .rows = pass.tokens * count,
                     .width = config.head_dim,
                     .epsilon = static_cast<float>(config.rms_norm_eps)},
                    pass.pool);
  kernels::rope({.heads_inout = heads,
                 .cos = pass.buffers.cos.data(),
                 .sin = pass.buffers.sin.data(),
                 .tokens = pass.tokens,
                 .heads = count,
                 .head_dim = config.head_dim,
                 .rotary_dim = config.rotary_dim()},
                pass.pool);
}

}  // namespace

void run_attention(const AttentionWeights& weights, KvCache& cache, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  const std::vector<float>& input = pass.buffers.normed;
  Buffers::Attention& buffers = pass.buffers.attention;

  pass.project(weights.q_proj, input, buffers.projected);
  kernels::split_query_gate({.projected = buffers.projected.data(),
                             .queries = buffers.queries.data(),
                             .gates = buffers.gates.data(),
                             .tokens = pass.tokens,
                             .heads = config.heads,
                             .head_dim = config.head_dim},
                            pass.pool);
  norm_and_rotate(buffers.queries.data(), config.heads, weights.q_norm, pass);

  // Keys and values are computed where they will stay.
  const std::int64_t first_row = pass.first_position * config.kv_heads * config.head_dim;
  float* keys = cache.keys.get() + first_row;
  pass.project(weights.k_proj, input, keys);
  norm_and_rotate(keys, config.kv_heads, weights.k_norm, pass);
  pass.project(weights.v_proj, input, cache.values.get() + first_row);

  kernels::causal_attention({.queries = buffers.queries.data(),
                             .keys = cache.keys.get(),
                             .values = cache.values.get(),
                             .output = buffers.attended.data(),
                             .tokens = pass.tokens,
                             .first_position = pass.first_position,
                             .heads = config.heads,
                             .kv_heads = config.kv_heads,
                             .head_dim = config.head_dim,
                             .scale = 1.0F / std::sqrt(static_cast<float>(config.head_dim))},
                            pass.pool);
  kernels::sigmoid_gate({.inout = buffers.attended.data(),
                         .gate = buffers.gates.data(),
                         .count = pass.tokens * config.heads * config.head_dim},
                        pass.pool);
  pass.project(weights.o_proj, buffers.attended, pass.buffers.output);
}

}  // namespace nibble::model::qwen36
