#include "checkpoint/tensor_inventory.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace nibble::checkpoint {
namespace {

class Inventory {
 public:
  explicit Inventory(const ModelConfig& config) : config_(config), text_(config.text) {}

  std::vector<PlannedTensor> take() && {
    if (config_.vision) add_vision(*config_.vision);
    const std::string prefix = config_.architecture == "Qwen3_5MoeForCausalLM" ? "model." : "model.language_model.";
    add(prefix + "embed_tokens.weight", {text_.vocab_size, text_.hidden_size});
    for (std::size_t layer = 0; layer < text_.layer_types.size(); ++layer) {
      add_layer(fmt::format("{}layers.{}.", prefix, layer), text_.layer_types[layer]);
    }
    add(prefix + "norm.weight", {text_.hidden_size});
    if (!text_.tie_word_embeddings) add("lm_head.weight", {text_.vocab_size, text_.hidden_size});
    if (text_.mtp_layers > 0) add_mtp();
    return std::move(tensors_);
  }

 private:
  void add(std::string name, Shape shape) { tensors_.push_back({std::move(name), DType::kBF16, shape}); }
  void add_with_bias(const std::string& module, Shape weight) {
    add(module + ".weight", weight);
    add(module + ".bias", {weight[0]});
  }

  void add_layer(const std::string& prefix, LayerType type);
  void add_attention(const std::string& prefix);
  void add_delta_net(const std::string& prefix);
  void add_experts(const std::string& prefix);
  void add_mtp();
  void add_vision(const VisionConfig& vision);

  const ModelConfig& config_;
  const TextConfig& text_;
  std::vector<PlannedTensor> tensors_;
};

void Inventory::add_layer(const std::string& prefix, LayerType type) {
  add(prefix + "input_layernorm.weight", {text_.hidden_size});
  add(prefix + "post_attention_layernorm.weight", {text_.hidden_size});
  if (type == LayerType::kFullAttention) {
    add_attention(prefix + "self_attn.");
  } else {
    add_delta_net(prefix + "linear_attn.");
  }
  add_experts(prefix + "mlp.");
}

void Inventory::add_attention(const std::string& prefix) {
  const std::int64_t query = text_.heads * text_.head_dim;
  const std::int64_t key = text_.kv_heads * text_.head_dim;
  add(prefix + "q_proj.weight", {text_.attn_output_gate ? 2 * query : query, text_.hidden_size});
  add(prefix + "k_proj.weight", {key, text_.hidden_size});
  add(prefix + "v_proj.weight", {key, text_.hidden_size});
  add(prefix + "o_proj.weight", {text_.hidden_size, query});
  add(prefix + "q_norm.weight", {text_.head_dim});
  add(prefix + "k_norm.weight", {text_.head_dim});
}

void Inventory::add_delta_net(const std::string& prefix) {
  const std::int64_t value = text_.linear_value_heads * text_.linear_value_dim;
  add(prefix + "in_proj_qkv.weight", {text_.conv_channels(), text_.hidden_size});
  add(prefix + "in_proj_z.weight", {value, text_.hidden_size});
  add(prefix + "in_proj_b.weight", {text_.linear_value_heads, text_.hidden_size});
  add(prefix + "in_proj_a.weight", {text_.linear_value_heads, text_.hidden_size});
  add(prefix + "conv1d.weight", {text_.conv_channels(), 1, text_.conv_kernel});
  add(prefix + "A_log", {text_.linear_value_heads});
  add(prefix + "dt_bias", {text_.linear_value_heads});
  add(prefix + "norm.weight", {text_.linear_value_dim});
  add(prefix + "out_proj.weight", {text_.hidden_size, value});
}

void Inventory::add_experts(const std::string& prefix) {
  const std::int64_t hidden = text_.hidden_size;
  add(prefix + "gate.weight", {text_.experts, hidden});
  add(prefix + "experts.gate_up_proj", {text_.experts, 2 * text_.expert_width, hidden});
  add(prefix + "experts.down_proj", {text_.experts, hidden, text_.expert_width});
  add(prefix + "shared_expert.gate_proj.weight", {text_.shared_expert_width, hidden});
  add(prefix + "shared_expert.up_proj.weight", {text_.shared_expert_width, hidden});
  add(prefix + "shared_expert.down_proj.weight", {hidden, text_.shared_expert_width});
  add(prefix + "shared_expert_gate.weight", {1, hidden});
}

void Inventory::add_mtp() {
  add("mtp.fc.weight", {text_.hidden_size, 2 * text_.hidden_size});
  add("mtp.pre_fc_norm_embedding.weight", {text_.hidden_size});
  add("mtp.pre_fc_norm_hidden.weight", {text_.hidden_size});
  add("mtp.norm.weight", {text_.hidden_size});
  for (std::int64_t layer = 0; layer < text_.mtp_layers; ++layer) {
    add_layer(fmt::format("mtp.layers.{}.", layer), LayerType::kFullAttention);
  }
}

void Inventory::add_vision(const VisionConfig& vision) {
  const std::string prefix = "model.visual.";
  const std::int64_t width = vision.hidden_size;
  const std::int64_t merged = width * vision.spatial_merge_size * vision.spatial_merge_size;
  add_with_bias(prefix + "patch_embed.proj",
                {width, vision.in_channels, vision.temporal_patch_size, vision.patch_size, vision.patch_size});
  add(prefix + "pos_embed.weight", {vision.position_embeddings, width});
  for (std::int64_t block = 0; block < vision.depth; ++block) {
    const std::string at = fmt::format("{}blocks.{}.", prefix, block);
    add_with_bias(at + "norm1", {width});
    add_with_bias(at + "norm2", {width});
    add_with_bias(at + "attn.qkv", {3 * width, width});
    add_with_bias(at + "attn.proj", {width, width});
    add_with_bias(at + "mlp.linear_fc1", {vision.intermediate_size, width});
    add_with_bias(at + "mlp.linear_fc2", {width, vision.intermediate_size});
  }
  add_with_bias(prefix + "merger.norm", {width});
  add_with_bias(prefix + "merger.linear_fc1", {merged, merged});
  add_with_bias(prefix + "merger.linear_fc2", {vision.out_hidden_size, merged});
}

}  // namespace

std::vector<PlannedTensor> tensor_inventory(const ModelConfig& config) { return Inventory(config).take(); }

}  // namespace nibble::checkpoint
