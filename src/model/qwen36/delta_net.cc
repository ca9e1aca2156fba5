#include "model/qwen36/delta_net.h"

#include <cmath>

#include "kernels/ops/causal_conv_silu.h"
#include "kernels/ops/gated_delta_rule.h"
#include "kernels/ops/rms_norm.h"

namespace nibble::model::qwen36 {
namespace {

// Queries, keys and values stand side by side in each row of the convolution's output.
struct Channels {
  explicit Channels(const checkpoint::TextConfig& config)
      : keys(config.linear_key_heads * config.linear_key_dim), values(2 * keys), all(config.conv_channels()) {}

  std::int64_t keys;    // first channel of the keys; queries begin at 0
  std::int64_t values;  // first channel of the values
  std::int64_t all;
};

void normalize_heads(float* heads, float scale, std::int64_t token_stride, const Pass& pass) {
  kernels::l2_normalize({.inout = heads,
                         .tokens = pass.tokens,
                         .heads = pass.config.linear_key_heads,
                         .head_dim = pass.config.linear_key_dim,
                         .token_stride = token_stride,
                         .scale = scale},
                        pass.pool);
}

void run_delta_rule(const float* convolved, const Channels& channels, DeltaNetState& state, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  Buffers::DeltaNet& buffers = pass.buffers.delta_net;
  kernels::gated_delta_rule({.queries = convolved,
                             .keys = convolved + channels.keys,
                             .values = convolved + channels.values,
                             .query_stride = channels.all,
                             .key_stride = channels.all,
                             .value_stride = channels.all,
                             .decay = buffers.decay.data(),
                             .beta = buffers.beta.data(),
                             .state_inout = state.recurrent.data(),
                             .output = buffers.output.data(),
                             .tokens = pass.tokens,
                             .key_heads = config.linear_key_heads,
                             .value_heads = config.linear_value_heads,
                             .key_dim = config.linear_key_dim,
                             .value_dim = config.linear_value_dim},
                            pass.pool);
}

}  // namespace

void run_delta_net(const DeltaNetWeights& weights, DeltaNetState& state, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  const std::vector<float>& input = pass.buffers.normed;
  Buffers::DeltaNet& buffers = pass.buffers.delta_net;
  const Channels channels(config);

  pass.project(weights.in_proj_qkv, input, buffers.projected);
  pass.project(weights.in_proj_z, input, buffers.z);
  pass.project(weights.in_proj_a, input, buffers.decay);
  pass.project(weights.in_proj_b, input, buffers.beta);

  kernels::causal_conv_silu({.input = buffers.projected.data(),
                             .weight = weights.conv.data(),
                             .state_inout = state.conv.data(),
                             .output = buffers.convolved.data(),
                             .tokens = pass.tokens,
                             .channels = channels.all,
                             .kernel = config.conv_kernel},
                            pass.pool);
  // The scale of attention, key_dim^(-1/2), goes into the queries alone.
  const float query_scale = 1.0F / std::sqrt(static_cast<float>(config.linear_key_dim));
  normalize_heads(buffers.convolved.data(), query_scale, channels.all, pass);
  normalize_heads(buffers.convolved.data() + channels.keys, 1.0F, channels.all, pass);
  kernels::delta_gates({.a = buffers.decay.data(),
                        .b = buffers.beta.data(),
                        .a_log = weights.a_log.data(),
                        .dt_bias = weights.dt_bias.data(),
                        .decay = buffers.decay.data(),
                        .beta = buffers.beta.data(),
                        .tokens = pass.tokens,
                        .value_heads = config.linear_value_heads},
                       pass.pool);
  run_delta_rule(buffers.convolved.data(), channels, state, pass);

  kernels::gated_rms_norm({.input = buffers.output.data(),
                           .gate = buffers.z.data(),
                           .weight = weights.norm.data(),
                           .output = buffers.output.data(),
                           .rows = pass.tokens * config.linear_value_heads,
                           .width = config.linear_value_dim,
                           .epsilon = static_cast<float>(config.rms_norm_eps)},
                          pass.pool);
  pass.project(weights.out_proj, buffers.output, pass.buffers.output);
}

}  // namespace nibble::model::qwen36
