// What config.json and generation_config.json say about the model, validated: every number is inside a range that
// nibble can compute with, so that no later code meets an absurd one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::checkpoint {

enum class LayerType : std::uint8_t { kLinearAttention, kFullAttention };

struct RopeConfig {
  double theta = 10'000'000.0;
  double partial_rotary_factor = 0.25;
  bool mrope_interleaved = false;
  std::vector<std::int64_t> mrope_section;  // empty or three numbers whose sum is rotary_dim / 2
  // YaRN (architecture §1.4); factor 1 means the default rope.
  double yarn_factor = 1.0;
  std::int64_t yarn_original_context = 0;
  double yarn_beta_fast = 32.0;
  double yarn_beta_slow = 1.0;
  std::optional<double> yarn_attention_factor;
};

// `text_config` of Qwen3_5MoeForConditionalGeneration (architecture §1.1), field by field.
struct TextConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::vector<LayerType> layer_types;
  double rms_norm_eps = 1e-6;
  std::int64_t max_context = 0;
  bool tie_word_embeddings = false;

  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  bool attn_output_gate = true;
  RopeConfig rope;

  std::int64_t linear_key_heads = 0;    // Hk
  std::int64_t linear_value_heads = 0;  // Hv
  std::int64_t linear_key_dim = 0;      // dk, of one head
  std::int64_t linear_value_dim = 0;    // dv, of one head
  std::int64_t conv_kernel = 0;

  std::int64_t experts = 0;
  std::int64_t top_k = 0;
  std::int64_t expert_width = 0;
  std::int64_t shared_expert_width = 0;

  std::int64_t mtp_layers = 0;

  std::int64_t rotary_dim() const;  // head_dim * partial_rotary_factor
  std::int64_t conv_channels() const {
    return 2 * linear_key_heads * linear_key_dim + linear_value_heads * linear_value_dim;
  }
};

// What the shapes of the vision tower follow from (architecture §1.2). Depth and width must be said; the rest has the
// values of the official model where a file is silent.
struct VisionConfig {
  std::int64_t depth = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 4304;
  std::int64_t in_channels = 3;
  std::int64_t patch_size = 16;
  std::int64_t temporal_patch_size = 2;
  std::int64_t spatial_merge_size = 2;
  std::int64_t position_embeddings = 2304;
  std::int64_t out_hidden_size = 0;  // the text model's hidden_size where a file is silent
};

struct GenerationConfig {
  std::vector<std::int32_t> eos_token_ids;  // generation_config.json's, else config.json's
  bool do_sample = false;
  double temperature = 1.0;
  std::int64_t top_k = 0;  // 0: off
  double top_p = 1.0;
};

struct ModelConfig {
  std::string architecture;  // "Qwen3_5MoeForConditionalGeneration"
  std::string model_type;    // "qwen3_5_moe"
  std::string dtype;         // "bfloat16", as declared (`dtype` or `torch_dtype`); the tensors' own decide
  TextConfig text;
  std::optional<VisionConfig> vision;
  GenerationConfig generation;
};

// Parses the JSON texts; generation_text may be empty. Errors name the key, what was expected and what was found.
Result<ModelConfig> parse_model_config(std::string_view config_text, std::string_view generation_text);

// DIR/config.json and, where present, DIR/generation_config.json.
Result<ModelConfig> read_model_config(const std::filesystem::path& folder);

}  // namespace nibble::checkpoint
