#include "checkpoint/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/file.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "checkpoint/rope_config.h"

namespace nibble::checkpoint {
namespace {

constexpr std::array<std::string_view, 2> kArchitectures{"Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM"};
constexpr std::array<std::string_view, 2> kModelTypes{"qwen3_5_moe", "qwen3_5_moe_text"};

// Far above any model, far below what could overflow: a product of three of them stays under 2^63.
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxHeads = 4096;
constexpr std::int64_t kMaxHeadDim = 8192;
constexpr std::int64_t kMaxWidth = std::int64_t{1} << 20;
constexpr std::int64_t kMaxExperts = 65536;
constexpr std::int64_t kMaxPatch = 64;  // sides and channels of a patch of pixels
constexpr std::int64_t kMaxMerge = 16;  // squared twice in a shape
constexpr std::int64_t kMaxVocabulary = std::int64_t{1} << 24;
constexpr std::int64_t kMaxContext = std::int64_t{1} << 40;

// The first of two objects that has the key.
JsonView first_with(JsonView first, JsonView second, std::string_view key) {
  return first.find(key).given() ? first : second;
}

Status check_known(std::string_view what, std::string_view value, std::span<const std::string_view> known) {
  if (std::ranges::find(known, value) != known.end()) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("'{}': nibble knows {}, found {}", what, fmt::join(known, " and "), json_quote(value)));
}

Result<std::string> parse_architecture(JsonView root) {
  JsonView list = root.find("architectures");
  if (!list.given()) return std::string(kArchitectures.front());
  std::optional<std::string_view> name = list.element(0).as_string();
  if (!list.is_array() || list.size() != 1 || !name) {
    return invalid_input("'architectures': expected an array of one name");
  }
  RETURN_IF_ERROR(check_known("architectures", *name, kArchitectures));
  return std::string(*name);
}

Result<std::string> parse_model_type(JsonView root) {
  ASSIGN_OR_RETURN(std::string type, required_string(root, "model_type"));
  RETURN_IF_ERROR(check_known("model_type", type, kModelTypes));
  return type;
}

// Switches that change the computation, at the one setting that nibble computes.
Status check_fixed_choices(JsonView text) {
  ASSIGN_OR_RETURN(std::string activation, optional_string(text, "hidden_act", "silu"));
  if (activation != "silu") {
    return fail(ErrorCode::kUnsupported,
                fmt::format("'hidden_act': nibble computes silu only, found {}", json_quote(activation)));
  }
  ASSIGN_OR_RETURN(bool bias, optional_bool(text, "attention_bias", false));
  if (bias)
    return fail(ErrorCode::kUnsupported, "'attention_bias': nibble computes attention without bias only, found true");
  ASSIGN_OR_RETURN(bool normalized, optional_bool(text, "norm_topk_prob", true));
  if (!normalized) {
    return fail(ErrorCode::kUnsupported,
                "'norm_topk_prob': nibble renormalizes the chosen experts' weights (true), found false");
  }
  // Of the DeltaNet's gated norm (architecture §10.4); absent means the same.
  ASSIGN_OR_RETURN(std::string gate, optional_string(text, "output_gate_type", "swish"));
  if (gate != "swish" && gate != "silu") {
    return fail(ErrorCode::kUnsupported,
                fmt::format("'output_gate_type': nibble computes swish only, found {}", json_quote(gate)));
  }
  if (text.find("mlp_only_layers").size() != 0) {
    return fail(ErrorCode::kUnsupported,
                "'mlp_only_layers': nibble computes models whose every layer has experts, found some without");
  }
  ASSIGN_OR_RETURN(std::int64_t step, optional_integer(text, "decoder_sparse_step", 1, 0, kMaxLayers));
  if (step != 1) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("'decoder_sparse_step': nibble computes models with experts in every layer (1), "
                            "found {}",
                            step));
  }
  return {};
}

Result<std::vector<LayerType>> parse_layer_types(JsonView text, std::int64_t layers) {
  std::vector<LayerType> types;
  JsonView list = text.find("layer_types");
  if (!list.given()) {
    ASSIGN_OR_RETURN(std::int64_t interval, optional_integer(text, "full_attention_interval", 4, 1, kMaxLayers));
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      types.push_back((layer + 1) % interval == 0 ? LayerType::kFullAttention : LayerType::kLinearAttention);
    }
    return types;
  }
  if (!list.is_array() || list.size() != static_cast<std::size_t>(layers)) {
    return invalid_input(fmt::format("'layer_types': expected an array of {} names, one a layer, found {}", layers,
                                     list.is_array() ? std::to_string(list.size()) : json_kind_name(list.kind())));
  }
  for (std::size_t layer = 0; layer < list.size(); ++layer) {
    std::optional<std::string_view> name = list.element(layer).as_string();
    if (name == "linear_attention") {
      types.push_back(LayerType::kLinearAttention);
    } else if (name == "full_attention") {
      types.push_back(LayerType::kFullAttention);
    } else {
      return fail(ErrorCode::kUnsupported,
                  fmt::format("'layer_types': layer {}: nibble knows linear_attention and full_attention, found "
                              "{}",
                              layer, name ? json_quote(*name) : json_kind_name(list.element(layer).kind())));
    }
  }
  return types;
}

Status parse_attention(JsonView text, TextConfig& config) {
  ASSIGN_OR_RETURN(config.heads, required_integer(text, "num_attention_heads", 1, kMaxHeads));
  ASSIGN_OR_RETURN(config.kv_heads, required_integer(text, "num_key_value_heads", 1, kMaxHeads));
  ASSIGN_OR_RETURN(config.head_dim, required_integer(text, "head_dim", 1, kMaxHeadDim));
  if (config.heads % config.kv_heads != 0) {
    return invalid_input(
        fmt::format("'num_attention_heads': expected a multiple of num_key_value_heads, which is {}, "
                    "found {}",
                    config.kv_heads, config.heads));
  }
  ASSIGN_OR_RETURN(config.attn_output_gate, optional_bool(text, "attn_output_gate", true));
  ASSIGN_OR_RETURN(config.rope, parse_rope_config(text, config.head_dim, config.max_context));
  return {};
}

Status parse_delta_net(JsonView text, TextConfig& config) {
  ASSIGN_OR_RETURN(config.linear_key_heads, required_integer(text, "linear_num_key_heads", 1, kMaxHeads));
  ASSIGN_OR_RETURN(config.linear_value_heads, required_integer(text, "linear_num_value_heads", 1, kMaxHeads));
  ASSIGN_OR_RETURN(config.linear_key_dim, required_integer(text, "linear_key_head_dim", 1, kMaxHeadDim));
  ASSIGN_OR_RETURN(config.linear_value_dim, required_integer(text, "linear_value_head_dim", 1, kMaxHeadDim));
  ASSIGN_OR_RETURN(config.conv_kernel, required_integer(text, "linear_conv_kernel_dim", 1, 64));
  if (config.linear_value_heads % config.linear_key_heads != 0) {
    return invalid_input(
        fmt::format("'linear_num_value_heads': expected a multiple of linear_num_key_heads, which is "
                    "{}, found {}",
                    config.linear_key_heads, config.linear_value_heads));
  }
  return {};
}

Status parse_experts(JsonView text, TextConfig& config) {
  ASSIGN_OR_RETURN(config.experts, required_integer(text, "num_experts", 1, kMaxExperts));
  ASSIGN_OR_RETURN(config.top_k, required_integer(text, "num_experts_per_tok", 1, kMaxExperts));
  if (config.top_k > config.experts) {
    return invalid_input(fmt::format("'num_experts_per_tok': expected at most num_experts, which is {}, found {}",
                                     config.experts, config.top_k));
  }
  ASSIGN_OR_RETURN(config.expert_width, required_integer(text, "moe_intermediate_size", 1, kMaxWidth));
  ASSIGN_OR_RETURN(config.shared_expert_width, required_integer(text, "shared_expert_intermediate_size", 1, kMaxWidth));
  return {};
}

Result<TextConfig> parse_text(JsonView root, JsonView text) {
  TextConfig config;
  RETURN_IF_ERROR(check_fixed_choices(text));
  ASSIGN_OR_RETURN(config.vocab_size, required_integer(text, "vocab_size", 1, kMaxVocabulary));
  ASSIGN_OR_RETURN(config.hidden_size, required_integer(text, "hidden_size", 1, kMaxWidth));
  ASSIGN_OR_RETURN(config.layers, required_integer(text, "num_hidden_layers", 1, kMaxLayers));
  ASSIGN_OR_RETURN(config.layer_types, parse_layer_types(text, config.layers));
  ASSIGN_OR_RETURN(config.rms_norm_eps, optional_number(text, "rms_norm_eps", config.rms_norm_eps));
  if (!std::isfinite(config.rms_norm_eps) || config.rms_norm_eps <= 0 || config.rms_norm_eps > 1) {
    return invalid_input(
        fmt::format("'rms_norm_eps': expected a number above 0 and at most 1, found {}", config.rms_norm_eps));
  }
  ASSIGN_OR_RETURN(config.max_context, required_integer(text, "max_position_embeddings", 1, kMaxContext));
  // The outer file decides where both say something: it is the whole model's.
  ASSIGN_OR_RETURN(config.tie_word_embeddings,
                   optional_bool(first_with(root, text, "tie_word_embeddings"), "tie_word_embeddings", false));
  RETURN_IF_ERROR(parse_attention(text, config));
  RETURN_IF_ERROR(parse_delta_net(text, config));
  RETURN_IF_ERROR(parse_experts(text, config));
  ASSIGN_OR_RETURN(config.mtp_layers, optional_integer(text, "mtp_num_hidden_layers", 0, 0, kMaxLayers));
  return config;
}

Result<VisionConfig> parse_vision(JsonView object, std::int64_t text_hidden_size) {
  VisionConfig config;
  ASSIGN_OR_RETURN(config.depth, required_integer(object, "depth", 0, kMaxLayers));
  ASSIGN_OR_RETURN(config.hidden_size, required_integer(object, "hidden_size", 0, kMaxWidth));
  const auto parse_size = [&](std::string_view key, std::int64_t maximum, std::int64_t& size) -> Status {
    ASSIGN_OR_RETURN(size, optional_integer(object, key, size, 1, maximum));
    return {};
  };
  RETURN_IF_ERROR(parse_size("intermediate_size", kMaxWidth, config.intermediate_size));
  RETURN_IF_ERROR(parse_size("in_channels", kMaxPatch, config.in_channels));
  RETURN_IF_ERROR(parse_size("patch_size", kMaxPatch, config.patch_size));
  RETURN_IF_ERROR(parse_size("temporal_patch_size", kMaxPatch, config.temporal_patch_size));
  RETURN_IF_ERROR(parse_size("spatial_merge_size", kMaxMerge, config.spatial_merge_size));
  RETURN_IF_ERROR(parse_size("num_position_embeddings", kMaxWidth, config.position_embeddings));
  config.out_hidden_size = text_hidden_size;
  RETURN_IF_ERROR(parse_size("out_hidden_size", kMaxWidth, config.out_hidden_size));
  return config;
}

// One id, several, or none.
Result<std::vector<std::int32_t>> parse_eos(JsonView view, std::int64_t vocab_size) {
  std::vector<std::int32_t> ids;
  if (!view.given()) return ids;
  std::size_t count = view.is_array() ? view.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<std::int64_t> id = (view.is_array() ? view.element(i) : view).as_integer();
    if (!id || *id < 0 || *id >= vocab_size) {
      return invalid_input(fmt::format("'eos_token_id': expected token ids from 0 to {}, found {}", vocab_size - 1,
                                       id ? std::to_string(*id) : "something else"));
    }
    ids.push_back(static_cast<std::int32_t>(*id));
  }
  return ids;
}

Status parse_generation(std::string_view text, std::int64_t vocab_size, GenerationConfig& config) {
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(text));
  JsonView root = document.root();
  if (!root.is_object()) return invalid_input("expected an object");
  if (root.find("eos_token_id").given()) {
    ASSIGN_OR_RETURN(config.eos_token_ids, parse_eos(root.find("eos_token_id"), vocab_size));
  }
  ASSIGN_OR_RETURN(config.do_sample, optional_bool(root, "do_sample", config.do_sample));
  ASSIGN_OR_RETURN(config.temperature, optional_number(root, "temperature", config.temperature));
  ASSIGN_OR_RETURN(config.top_k,
                   optional_integer(root, "top_k", config.top_k, 0, std::numeric_limits<std::int32_t>::max()));
  ASSIGN_OR_RETURN(config.top_p, optional_number(root, "top_p", config.top_p));
  if (!(config.temperature >= 0 && config.temperature <= 100)) {
    return invalid_input(fmt::format("'temperature': expected a number from 0 to 100, found {}", config.temperature));
  }
  if (!(config.top_p > 0 && config.top_p <= 1)) {
    return invalid_input(fmt::format("'top_p': expected a number above 0 and at most 1, found {}", config.top_p));
  }
  return {};
}

Result<ModelConfig> parse_config(std::string_view config_text) {
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(config_text));
  JsonView root = document.root();
  if (!root.is_object()) return invalid_input("expected an object");
  ModelConfig config;
  ASSIGN_OR_RETURN(config.architecture, parse_architecture(root));
  ASSIGN_OR_RETURN(config.model_type, parse_model_type(root));
  JsonView text = root.find("text_config");
  if (!text.given()) text = root;
  if (!text.is_object()) return invalid_input("'text_config': expected an object");
  ASSIGN_OR_RETURN(config.text, parse_text(root, text));
  if (JsonView vision = root.find("vision_config"); vision.given()) {
    ASSIGN_OR_RETURN_IN("vision_config", config.vision, parse_vision(vision, config.text.hidden_size));
  }
  for (std::string_view key : {"torch_dtype", "dtype"}) {
    ASSIGN_OR_RETURN(config.dtype, optional_string(first_with(root, text, key), key, config.dtype));
  }
  JsonView eos = first_with(text, root, "eos_token_id").find("eos_token_id");
  ASSIGN_OR_RETURN(config.generation.eos_token_ids, parse_eos(eos, config.text.vocab_size));
  return config;
}

}  // namespace

std::int64_t TextConfig::rotary_dim() const {
  return static_cast<std::int64_t>(static_cast<double>(head_dim) * rope.partial_rotary_factor);
}

Result<ModelConfig> parse_model_config(std::string_view config_text, std::string_view generation_text) {
  ASSIGN_OR_RETURN_IN("config.json", ModelConfig config, parse_config(config_text));
  if (!generation_text.empty()) {
    RETURN_IF_ERROR_IN("generation_config.json",
                       parse_generation(generation_text, config.text.vocab_size, config.generation));
  }
  return config;
}

Result<ModelConfig> read_model_config(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(std::string config_text, read_file(folder / "config.json"));
  std::string generation_text;
  std::error_code ignored;
  if (std::filesystem::exists(folder / "generation_config.json", ignored)) {
    ASSIGN_OR_RETURN(generation_text, read_file(folder / "generation_config.json"));
    if (generation_text.empty()) return invalid_input((folder / "generation_config.json").string() + " is empty");
  }
  ASSIGN_OR_RETURN_IN(folder.string(), ModelConfig config, parse_model_config(config_text, generation_text));
  return config;
}

}  // namespace nibble::checkpoint
