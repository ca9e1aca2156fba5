#include "model/qwen36/weights.h"

#include <utility>

namespace nibble::model::qwen36 {
namespace {

using checkpoint::LayerType;
using checkpoint::TextConfig;

class Binder {
 public:
  explicit Binder(const checkpoint::Checkpoint& checkpoint)
      : checkpoint_(checkpoint), config_(checkpoint.config().text) {}

  Result<Weights> bind(std::int64_t layers) const;

 private:
  Result<LayerWeights> layer(const std::string& prefix, LayerType type) const;
  Result<AttentionWeights> attention(const std::string& prefix) const;
  Result<DeltaNetWeights> delta_net(const std::string& prefix) const;
  Result<MoeWeights> moe(const std::string& prefix) const;
  Status check_mtp() const;

  Result<Linear> linear(std::string module, std::int64_t rows, std::int64_t cols) const {
    ASSIGN_OR_RETURN(numerics::MatrixView weight, checkpoint_.linear(module, rows, cols));
    return Linear{std::move(module), weight};
  }
  Result<std::vector<float>> zero_centred_norm(const std::string& module, std::int64_t width) const {
    ASSIGN_OR_RETURN(std::vector<float> weight, checkpoint_.floats(module + ".weight", {width}));
    for (float& w : weight) w += 1.0F;
    return weight;
  }
  Result<std::vector<float>> conv_taps_outermost(const std::string& module) const;

  const checkpoint::Checkpoint& checkpoint_;
  const TextConfig& config_;
};

Result<AttentionWeights> Binder::attention(const std::string& prefix) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query_width = config_.heads * config_.head_dim;
  const std::int64_t kv_width = config_.kv_heads * config_.head_dim;
  AttentionWeights weights;
  ASSIGN_OR_RETURN(weights.q_proj, linear(prefix + "q_proj", 2 * query_width, hidden));
  ASSIGN_OR_RETURN(weights.k_proj, linear(prefix + "k_proj", kv_width, hidden));
  ASSIGN_OR_RETURN(weights.v_proj, linear(prefix + "v_proj", kv_width, hidden));
  ASSIGN_OR_RETURN(weights.o_proj, linear(prefix + "o_proj", hidden, query_width));
  ASSIGN_OR_RETURN(weights.q_norm, zero_centred_norm(prefix + "q_norm", config_.head_dim));
  ASSIGN_OR_RETURN(weights.k_norm, zero_centred_norm(prefix + "k_norm", config_.head_dim));
  return weights;
}

Result<std::vector<float>> Binder::conv_taps_outermost(const std::string& module) const {
  const std::int64_t channels = config_.conv_channels();
  const std::int64_t kernel = config_.conv_kernel;
  ASSIGN_OR_RETURN(const std::vector<float> stored, checkpoint_.floats(module + ".weight", {channels, 1, kernel}));
  std::vector<float> transposed(stored.size());
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      transposed[static_cast<std::size_t>(tap * channels + channel)] =
          stored[static_cast<std::size_t>(channel * kernel + tap)];
    }
  }
  return transposed;
}

Result<DeltaNetWeights> Binder::delta_net(const std::string& prefix) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t value_heads = config_.linear_value_heads;
  const std::int64_t value_width = value_heads * config_.linear_value_dim;
  DeltaNetWeights weights;
  ASSIGN_OR_RETURN(weights.in_proj_qkv, linear(prefix + "in_proj_qkv", config_.conv_channels(), hidden));
  ASSIGN_OR_RETURN(weights.in_proj_z, linear(prefix + "in_proj_z", value_width, hidden));
  ASSIGN_OR_RETURN(weights.in_proj_a, linear(prefix + "in_proj_a", value_heads, hidden));
  ASSIGN_OR_RETURN(weights.in_proj_b, linear(prefix + "in_proj_b", value_heads, hidden));
  ASSIGN_OR_RETURN(weights.out_proj, linear(prefix + "out_proj", hidden, value_width));
  ASSIGN_OR_RETURN(weights.conv, conv_taps_outermost(prefix + "conv1d"));
  ASSIGN_OR_RETURN(weights.a_log, checkpoint_.floats(prefix + "A_log", {value_heads}));
  ASSIGN_OR_RETURN(weights.dt_bias, checkpoint_.floats(prefix + "dt_bias", {value_heads}));
  ASSIGN_OR_RETURN(weights.norm, checkpoint_.floats(prefix + "norm.weight", {config_.linear_value_dim}));
  return weights;
}

Result<MoeWeights> Binder::moe(const std::string& prefix) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t shared_width = config_.shared_expert_width;
  const std::string shared = prefix + "shared_expert.";
  MoeWeights weights;
  ASSIGN_OR_RETURN(weights.router, linear(prefix + "gate", config_.experts, hidden));
  weights.experts_name = prefix + "experts";
  weights.experts.reserve(static_cast<std::size_t>(config_.experts));
  for (std::int64_t index = 0; index < config_.experts; ++index) {
    ASSIGN_OR_RETURN(const auto expert, checkpoint_.expert(weights.experts_name, index, config_.expert_width, hidden));
    weights.experts.push_back({expert.gate, expert.up, expert.down});
  }
  ASSIGN_OR_RETURN(weights.shared_gate_proj, linear(shared + "gate_proj", shared_width, hidden));
  ASSIGN_OR_RETURN(weights.shared_up_proj, linear(shared + "up_proj", shared_width, hidden));
  ASSIGN_OR_RETURN(weights.shared_down_proj, linear(shared + "down_proj", hidden, shared_width));
  ASSIGN_OR_RETURN(weights.shared_expert_gate, linear(prefix + "shared_expert_gate", 1, hidden));
  return weights;
}

Result<LayerWeights> Binder::layer(const std::string& prefix, LayerType type) const {
  LayerWeights weights;
  ASSIGN_OR_RETURN(weights.input_norm, zero_centred_norm(prefix + "input_layernorm", config_.hidden_size));
  ASSIGN_OR_RETURN(weights.post_attention_norm,
                   zero_centred_norm(prefix + "post_attention_layernorm", config_.hidden_size));
  if (type == LayerType::kFullAttention) {
    ASSIGN_OR_RETURN(weights.mixer, attention(prefix + "self_attn."));
  } else {
    ASSIGN_OR_RETURN(weights.mixer, delta_net(prefix + "linear_attn."));
  }
  ASSIGN_OR_RETURN(weights.moe, moe(prefix + "mlp."));
  return weights;
}

// Architecture §5: a projection of two normed vectors, one full-attention layer, a norm.
Status Binder::check_mtp() const {
  if (checkpoint_.tensors().with_prefix("mtp.").empty()) return {};
  const std::int64_t hidden = config_.hidden_size;
  RETURN_IF_ERROR(linear("mtp.fc", hidden, 2 * hidden));
  for (const char* norm : {"mtp.pre_fc_norm_embedding", "mtp.pre_fc_norm_hidden", "mtp.norm"}) {
    RETURN_IF_ERROR(zero_centred_norm(norm, hidden));
  }
  for (std::int64_t index = 0; index < config_.mtp_layers; ++index) {
    RETURN_IF_ERROR(layer("mtp.layers." + std::to_string(index) + ".", LayerType::kFullAttention));
  }
  return {};
}

Result<Weights> Binder::bind(std::int64_t layers) const {
  const std::string& prefix = checkpoint_.text_prefix();
  Weights weights;
  ASSIGN_OR_RETURN(Linear embedding, linear(prefix + "embed_tokens", config_.vocab_size, config_.hidden_size));
  weights.embedding = embedding.weight;
  for (std::int64_t index = 0; index < layers; ++index) {
    ASSIGN_OR_RETURN(auto bound, layer(prefix + "layers." + std::to_string(index) + ".",
                                       config_.layer_types[static_cast<std::size_t>(index)]));
    weights.layers.push_back(std::move(bound));
  }
  ASSIGN_OR_RETURN(weights.final_norm, zero_centred_norm(prefix + "norm", config_.hidden_size));
  if (config_.tie_word_embeddings) {
    weights.lm_head = {"lm_head", weights.embedding};
  } else {
    ASSIGN_OR_RETURN(weights.lm_head, linear("lm_head", config_.vocab_size, config_.hidden_size));
  }
  RETURN_IF_ERROR(check_mtp());
  return weights;
}

}  // namespace

Result<Weights> bind_weights(const checkpoint::Checkpoint& checkpoint, std::int64_t layers) {
  return Binder(checkpoint).bind(layers);
}

}  // namespace nibble::model::qwen36
