#include "support/checkpoint_builder.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <random>

#include "base/file.h"
#include "base/json_writer.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/safetensors_index.h"
#include "numerics/bf16.h"
#include "support/test_files.h"

namespace nibble::testing {

using checkpoint::DType;
using checkpoint::LayerType;
using checkpoint::PlannedTensor;
using checkpoint::Shape;
using checkpoint::TextConfig;

namespace {

// Collects the tensors of one model.
class Planner {
 public:
  explicit Planner(const CheckpointSpec& spec) : spec_(spec), text_(spec.text) {}

  std::vector<PlannedTensor> plan() {
    const std::string prefix = "model.language_model.";
    bf16(prefix + "embed_tokens.weight", {text_.vocab_size, text_.hidden_size});
    for (std::size_t layer = 0; layer < text_.layer_types.size(); ++layer) {
      plan_layer(fmt::format("{}layers.{}.", prefix, layer), text_.layer_types[layer], spec_.format);
    }
    bf16(prefix + "norm.weight", {text_.hidden_size});
    if (!text_.tie_word_embeddings) nvfp4("lm_head", text_.vocab_size, text_.hidden_size, spec_.format);
    if (text_.mtp_layers > 0) plan_mtp();
    if (spec_.vision_blocks > 0) plan_vision();
    return std::move(tensors_);
  }

 private:
  void add(std::string name, DType dtype, Shape shape) { tensors_.push_back({std::move(name), dtype, shape}); }
  void bf16(std::string name, Shape shape) { add(std::move(name), DType::kBF16, shape); }

  // A linear layer that kMixedNvfp4 stores in NVFP4.
  void nvfp4(const std::string& module, std::int64_t rows, std::int64_t cols, BuiltFormat format) {
    if (format != BuiltFormat::kMixedNvfp4) return bf16(module + ".weight", {rows, cols});
    add(module + ".weight", DType::kU8, {rows, cols / 2});
    add(module + ".weight_scale", DType::kF8E4M3, {rows, cols / 16});
    add(module + ".weight_scale_2", DType::kF32, {});
    if (spec_.input_scales) add(module + ".input_scale", DType::kF32, {});
  }

  // A linear layer that kMixedNvfp4 stores in FP8.
  void fp8(const std::string& module, std::int64_t rows, std::int64_t cols, BuiltFormat format) {
    if (format != BuiltFormat::kMixedNvfp4) return bf16(module + ".weight", {rows, cols});
    add(module + ".weight", DType::kF8E4M3, {rows, cols});
    add(module + ".weight_scale", DType::kF32, {});
    if (spec_.input_scales) add(module + ".input_scale", DType::kF32, {});
  }

  void plan_layer(const std::string& prefix, LayerType type, BuiltFormat format) {
    bf16(prefix + "input_layernorm.weight", {text_.hidden_size});
    bf16(prefix + "post_attention_layernorm.weight", {text_.hidden_size});
    if (type == LayerType::kFullAttention) {
      plan_attention(prefix + "self_attn.", format);
    } else {
      plan_delta_net(prefix + "linear_attn.", format);
    }
    plan_experts(prefix + "mlp.", format);
  }

  void plan_attention(const std::string& prefix, BuiltFormat format) {
    const std::int64_t query = text_.heads * text_.head_dim;
    const std::int64_t key = text_.kv_heads * text_.head_dim;
    fp8(prefix + "q_proj", text_.attn_output_gate ? 2 * query : query, text_.hidden_size, format);
    fp8(prefix + "k_proj", key, text_.hidden_size, format);
    fp8(prefix + "v_proj", key, text_.hidden_size, format);
    fp8(prefix + "o_proj", text_.hidden_size, query, format);
    bf16(prefix + "q_norm.weight", {text_.head_dim});
    bf16(prefix + "k_norm.weight", {text_.head_dim});
  }

  void plan_delta_net(const std::string& prefix, BuiltFormat format) {
    const std::int64_t value = text_.linear_value_heads * text_.linear_value_dim;
    fp8(prefix + "in_proj_qkv", text_.conv_channels(), text_.hidden_size, format);
    fp8(prefix + "in_proj_z", value, text_.hidden_size, format);
    fp8(prefix + "out_proj", text_.hidden_size, value, format);
    bf16(prefix + "in_proj_a.weight", {text_.linear_value_heads, text_.hidden_size});
    bf16(prefix + "in_proj_b.weight", {text_.linear_value_heads, text_.hidden_size});
    bf16(prefix + "conv1d.weight", {text_.conv_channels(), 1, text_.conv_kernel});
    bf16(prefix + "A_log", {text_.linear_value_heads});
    bf16(prefix + "dt_bias", {text_.linear_value_heads});
    bf16(prefix + "norm.weight", {text_.linear_value_dim});
  }

  void plan_experts(const std::string& prefix, BuiltFormat format) {
    bf16(prefix + "gate.weight", {text_.experts, text_.hidden_size});
    bf16(prefix + "shared_expert_gate.weight", {1, text_.hidden_size});
    plan_expert(prefix + "shared_expert.", text_.shared_expert_width, format);
    if (format == BuiltFormat::kBf16) {
      bf16(prefix + "experts.gate_up_proj", {text_.experts, 2 * text_.expert_width, text_.hidden_size});
      bf16(prefix + "experts.down_proj", {text_.experts, text_.hidden_size, text_.expert_width});
      return;
    }
    for (std::int64_t expert = 0; expert < text_.experts; ++expert) {
      plan_expert(fmt::format("{}experts.{}.", prefix, expert), text_.expert_width, format);
    }
  }

  void plan_expert(const std::string& prefix, std::int64_t width, BuiltFormat format) {
    nvfp4(prefix + "gate_proj", width, text_.hidden_size, format);
    nvfp4(prefix + "up_proj", width, text_.hidden_size, format);
    nvfp4(prefix + "down_proj", text_.hidden_size, width, format);
  }

  void plan_mtp() {
    bf16("mtp.fc.weight", {text_.hidden_size, 2 * text_.hidden_size});
    bf16("mtp.pre_fc_norm_embedding.weight", {text_.hidden_size});
    bf16("mtp.pre_fc_norm_hidden.weight", {text_.hidden_size});
    bf16("mtp.norm.weight", {text_.hidden_size});
    // BF16 and fused in every official file but Qwen3.5's.
    const bool fused = spec_.format != BuiltFormat::kBf16PerExpert;
    plan_layer("mtp.layers.0.", LayerType::kFullAttention, fused ? BuiltFormat::kBf16 : BuiltFormat::kBf16PerExpert);
  }

  void with_bias(const std::string& module, Shape weight) {
    bf16(module + ".weight", weight);
    bf16(module + ".bias", {weight[0]});
  }

  // The tower of architecture §2, its widths scaled down for small text models by using hidden_size where it ends.
  void plan_vision() {
    const std::string prefix = "model.visual.";
    constexpr std::int64_t kWidth = 1152;
    with_bias(prefix + "patch_embed.proj", {kWidth, 3, 2, 16, 16});
    bf16(prefix + "pos_embed.weight", {2304, kWidth});
    for (std::int64_t block = 0; block < spec_.vision_blocks; ++block) {
      const std::string at = fmt::format("{}blocks.{}.", prefix, block);
      with_bias(at + "norm1", {kWidth});
      with_bias(at + "norm2", {kWidth});
      with_bias(at + "attn.qkv", {3 * kWidth, kWidth});
      with_bias(at + "attn.proj", {kWidth, kWidth});
      with_bias(at + "mlp.linear_fc1", {4304, kWidth});
      with_bias(at + "mlp.linear_fc2", {kWidth, 4304});
    }
    with_bias(prefix + "merger.norm", {kWidth});
    with_bias(prefix + "merger.linear_fc1", {4 * kWidth, 4 * kWidth});
    with_bias(prefix + "merger.linear_fc2", {text_.hidden_size, 4 * kWidth});
  }

  const CheckpointSpec& spec_;
  const TextConfig& text_;
  std::vector<PlannedTensor> tensors_;
};

// Random contents. std's distributions differ between libraries, so the mapping from bits is our own.
class Filler {
 public:
  explicit Filler(std::uint64_t seed) : random_(seed) {}

  std::vector<std::byte> fill(const PlannedTensor& tensor) {
    auto elements = static_cast<std::size_t>(tensor.shape.elements());
    std::vector<std::byte> bytes(elements * checkpoint::dtype_bytes(tensor.dtype));
    const bool matrix = tensor.shape.rank() >= 2;
    const float range = matrix ? 1.0F / std::sqrt(static_cast<float>(tensor.shape[tensor.shape.rank() - 1])) : 0.5F;
    for (std::size_t i = 0; i < elements; ++i) {
      switch (tensor.dtype) {
        case DType::kBF16: store(bytes, i, numerics::bf16_from_float(range * (2 * unit() - 1))); break;
        case DType::kF32: store(bytes, i, 0.0005F + 0.001F * unit()); break;  // the scale of a tensor
        case DType::kF8E4M3:
          // A block scale is positive and finite; an FP8 weight may be any byte that is not NaN (0x7F, 0xFF).
          store(bytes, i, tensor.name.ends_with("_scale") ? byte(0x28, 0x18) : without_nan(byte(0, 0x100)));
          break;
        default: store(bytes, i, byte(0, 0x100));
      }
    }
    return bytes;
  }

 private:
  float unit() { return static_cast<float>(random_() >> 40) * 0x1p-24F; }
  std::uint8_t byte(unsigned first, unsigned count) { return static_cast<std::uint8_t>(first + random_() % count); }
  static std::uint8_t without_nan(std::uint8_t byte) {
    return (byte & 0x7F) == 0x7F ? static_cast<std::uint8_t>(byte - 1) : byte;
  }

  template <typename T>
  static void store(std::vector<std::byte>& bytes, std::size_t index, T value) {
    std::memcpy(bytes.data() + index * sizeof value, &value, sizeof value);
  }

  std::mt19937_64 random_;
};

void write_quantized_layers(const CheckpointSpec& spec, JsonWriter& json) {
  auto entry = [&](const std::string& module, std::string_view algo) {
    json.key(module);
    json.begin_object();
    json.member("quant_algo", algo);
    if (algo != "FP8") json.member("group_size", 16);
    json.end_object();
  };
  json.key("quantized_layers");
  json.begin_object();
  for (std::size_t layer = 0; layer < spec.text.layer_types.size(); ++layer) {
    const std::string prefix = fmt::format("model.language_model.layers.{}.", layer);
    if (spec.text.layer_types[layer] == LayerType::kFullAttention) {
      for (auto name : {"q_proj", "k_proj", "v_proj", "o_proj"}) entry(prefix + "self_attn." + name, "FP8");
    } else {
      for (auto name : {"in_proj_qkv", "in_proj_z", "out_proj"}) entry(prefix + "linear_attn." + name, "FP8");
    }
    entry(prefix + "mlp.experts", "W4A16_NVFP4");
    for (auto name : {"gate_proj", "up_proj", "down_proj"}) entry(prefix + "mlp.shared_expert." + name, "W4A16_NVFP4");
  }
  entry("lm_head", "W4A16_NVFP4");
  json.end_object();
}

void write_exclusions(std::string_view key, JsonWriter& json) {
  json.key(key);
  json.begin_array();
  json.value("mtp.layers.0*");
  json.value("mtp*");
  json.end_array();
}

void write_rope(const checkpoint::RopeConfig& rope, JsonWriter& json) {
  json.key("rope_parameters");
  json.begin_object();
  json.member("rope_type", rope.yarn_factor > 1 ? "yarn" : "default");
  json.member("rope_theta", rope.theta);
  json.member("partial_rotary_factor", rope.partial_rotary_factor);
  if (rope.yarn_factor > 1) {
    json.member("factor", rope.yarn_factor);
    json.member("original_max_position_embeddings", rope.yarn_original_context);
  }
  if (!rope.mrope_section.empty()) {
    json.member("mrope_interleaved", rope.mrope_interleaved);
    json.key("mrope_section");
    json.begin_array();
    for (std::int64_t size : rope.mrope_section) json.value(size);
    json.end_array();
  }
  json.end_object();
}

void write_text_config(const TextConfig& text, JsonWriter& json) {
  json.key("text_config");
  json.begin_object();
  json.member("model_type", "qwen3_5_moe_text");
  json.member("dtype", "bfloat16");
  json.member("vocab_size", text.vocab_size);
  json.member("hidden_size", text.hidden_size);
  json.member("num_hidden_layers", text.layers);
  json.key("layer_types");
  json.begin_array();
  for (LayerType type : text.layer_types) {
    json.value(type == LayerType::kFullAttention ? "full_attention" : "linear_attention");
  }
  json.end_array();
  json.member("rms_norm_eps", text.rms_norm_eps);
  json.member("max_position_embeddings", text.max_context);
  json.member("tie_word_embeddings", text.tie_word_embeddings);
  json.member("hidden_act", "silu");
  json.member("attention_bias", false);
  json.member("num_attention_heads", text.heads);
  json.member("num_key_value_heads", text.kv_heads);
  json.member("head_dim", text.head_dim);
  json.member("attn_output_gate", text.attn_output_gate);
  write_rope(text.rope, json);
  json.member("linear_num_key_heads", text.linear_key_heads);
  json.member("linear_num_value_heads", text.linear_value_heads);
  json.member("linear_key_head_dim", text.linear_key_dim);
  json.member("linear_value_head_dim", text.linear_value_dim);
  json.member("linear_conv_kernel_dim", text.conv_kernel);
  json.member("num_experts", text.experts);
  json.member("num_experts_per_tok", text.top_k);
  json.member("moe_intermediate_size", text.expert_width);
  json.member("shared_expert_intermediate_size", text.shared_expert_width);
  json.member("mtp_num_hidden_layers", text.mtp_layers);
  json.member("eos_token_id", text.vocab_size - 2);
  json.end_object();
}

void write_configurations(const std::filesystem::path& folder, const CheckpointSpec& spec) {
  must(write_file(folder / "config.json", config_json(spec)));
  must(write_file(folder / "generation_config.json", generation_config_json(spec)));
  if (spec.format == BuiltFormat::kMixedNvfp4) {
    must(write_file(folder / "hf_quant_config.json", hf_quant_config_json(spec)));
  }
}

void write_producer(JsonWriter& json) {
  json.key("producer");
  json.begin_object();
  json.member("name", "modelopt");
  json.member("version", "0.44.0");
  json.end_object();
}

}  // namespace

TextConfig small_text_config() {
  using enum LayerType;
  TextConfig text;
  text.vocab_size = 80;
  text.hidden_size = 64;
  text.layers = 4;
  text.layer_types = {kLinearAttention, kLinearAttention, kLinearAttention, kFullAttention};
  text.max_context = 512;
  text.heads = 6;
  text.kv_heads = 3;
  text.head_dim = 16;
  text.rope.partial_rotary_factor = 0.5;
  text.rope.mrope_interleaved = true;
  text.rope.mrope_section = {2, 1, 1};
  text.linear_key_heads = 2;
  text.linear_value_heads = 4;
  text.linear_key_dim = 8;
  text.linear_value_dim = 12;
  text.conv_kernel = 4;
  text.experts = 6;
  text.top_k = 2;
  text.expert_width = 32;
  text.shared_expert_width = 48;
  text.mtp_layers = 1;
  return text;
}

TextConfig qwen36_text_config() {
  TextConfig text;
  text.vocab_size = 248320;
  text.hidden_size = 2048;
  text.layers = 40;
  for (int layer = 0; layer < 40; ++layer) {
    text.layer_types.push_back(layer % 4 == 3 ? LayerType::kFullAttention : LayerType::kLinearAttention);
  }
  text.max_context = 262144;
  text.heads = 16;
  text.kv_heads = 2;
  text.head_dim = 256;
  text.rope.mrope_interleaved = true;
  text.rope.mrope_section = {11, 11, 10};
  text.linear_key_heads = 16;
  text.linear_value_heads = 32;
  text.linear_key_dim = 128;
  text.linear_value_dim = 128;
  text.conv_kernel = 4;
  text.experts = 256;
  text.top_k = 8;
  text.expert_width = 512;
  text.shared_expert_width = 512;
  text.mtp_layers = 1;
  return text;
}

std::vector<PlannedTensor> plan_tensors(const CheckpointSpec& spec) { return Planner(spec).plan(); }

std::string config_json(const CheckpointSpec& spec) {
  JsonWriter json(2);
  json.begin_object();
  json.key("architectures");
  json.begin_array();
  json.value("Qwen3_5MoeForConditionalGeneration");
  json.end_array();
  json.member("model_type", "qwen3_5_moe");
  json.member("tie_word_embeddings", spec.text.tie_word_embeddings);
  write_text_config(spec.text, json);
  if (spec.vision_blocks > 0) {
    json.key("vision_config");
    json.begin_object();
    json.member("depth", spec.vision_blocks);
    json.member("hidden_size", 1152);
    json.end_object();
  }
  if (spec.format == BuiltFormat::kMixedNvfp4) {
    json.key("quantization_config");
    json.begin_object();
    json.member("quant_method", "modelopt");
    json.member("quant_algo", "MIXED_PRECISION");
    write_exclusions("ignore", json);
    write_producer(json);
    write_quantized_layers(spec, json);
    json.end_object();
  }
  json.end_object();
  return std::move(json).take() + "\n";
}

std::string generation_config_json(const CheckpointSpec& spec) {
  return fmt::format(
      R"({{"do_sample": true, "eos_token_id": [{}, {}], "temperature": 0.7, "top_k": 20, "top_p": 0.95}})",
      spec.text.vocab_size - 1, spec.text.vocab_size - 2);
}

std::string hf_quant_config_json(const CheckpointSpec& spec) {
  JsonWriter json(4);
  json.begin_object();
  write_producer(json);
  json.key("quantization");
  json.begin_object();
  json.member("quant_algo", "MIXED_PRECISION");
  json.member("kv_cache_quant_algo", "FP8");
  write_exclusions("exclude_modules", json);
  write_quantized_layers(spec, json);
  json.end_object();
  json.end_object();
  return std::move(json).take() + "\n";
}

void write_checkpoint(const std::filesystem::path& folder, const CheckpointSpec& spec) {
  write_configurations(folder, spec);
  std::vector<PlannedTensor> plan = plan_tensors(spec);
  auto writer = must(checkpoint::SafetensorsWriter::create(folder, plan, spec.max_shard_bytes));
  Filler filler(spec.seed);
  for (const PlannedTensor& tensor : plan) must(writer.write(tensor.name, filler.fill(tensor)));
  must(writer.finish());
}

void write_sparse_checkpoint(const std::filesystem::path& folder, const CheckpointSpec& spec, std::size_t shards) {
  write_configurations(folder, spec);
  std::vector<PlannedTensor> plan = plan_tensors(spec);
  JsonWriter index(2);
  index.begin_object();
  index.key("weight_map");
  index.begin_object();
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const std::size_t first = plan.size() * shard / shards;
    const std::span part = std::span(plan).subspan(first, plan.size() * (shard + 1) / shards - first);
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards);
    const std::string header = must(checkpoint::format_safetensors_header(part));
    std::uint64_t size = header.size();
    for (const PlannedTensor& tensor : part) {
      index.member(tensor.name, name);
      size += must(checkpoint::planned_bytes(tensor));
    }
    must(write_file(folder / name, header));
    std::filesystem::resize_file(folder / name, size);
  }
  index.end_object();
  index.end_object();
  must(write_file(folder / checkpoint::kIndexFileName, std::move(index).take()));
}

}  // namespace nibble::testing
