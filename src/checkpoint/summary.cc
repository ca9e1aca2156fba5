#include "checkpoint/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/progress.h"

namespace nibble::checkpoint {
namespace {

constexpr std::array<std::string_view, 5> kScaleSuffixes{".weight_scale", ".weight_scale_2", ".input_scale", ".k_scale",
                                                         ".v_scale"};

bool is_scale(std::string_view name) {
  return std::ranges::any_of(kScaleSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

std::string format_name(DType dtype) {
  if (dtype == DType::kF8E4M3) return "fp8";
  std::string name(dtype_name(dtype));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// Counts one tensor; scales count as bytes of the weight they belong to.
void add(ClassSummary& summary, const TensorStore& store, const TensorEntry& entry) {
  ++summary.tensors;
  summary.bytes += entry.size;
  if (is_scale(entry.name)) return;
  auto elements = static_cast<std::uint64_t>(entry.shape.elements());
  const bool nvfp4 = entry.dtype == DType::kU8 && store.contains(std::string(entry.name) + "_scale");
  const std::uint64_t parameters = nvfp4 ? 2 * elements : elements;
  summary.parameters += parameters;
  summary.parameters_by_format[nvfp4 ? "nvfp4" : format_name(entry.dtype)] += parameters;
}

void add(ClassSummary& total, const ClassSummary& part) {
  total.tensors += part.tensors;
  total.bytes += part.bytes;
  total.parameters += part.parameters;
  for (const auto& [format, parameters] : part.parameters_by_format) total.parameters_by_format[format] += parameters;
}

struct ScaleKinds {
  bool kv = false;           // k_scale or v_scale
  bool nvfp4_input = false;  // input_scale beside weight_scale_2
};

ScaleKinds find_scale_kinds(const TensorStore& store) {
  ScaleKinds kinds;
  for (const TensorEntry& entry : store.entries()) {
    if (entry.name.ends_with(".k_scale") || entry.name.ends_with(".v_scale")) kinds.kv = true;
    if (!kinds.nvfp4_input && entry.name.ends_with(".weight_scale_2")) {
      std::string module(entry.name.substr(0, entry.name.rfind('.')));
      kinds.nvfp4_input = store.contains(module + ".input_scale");
    }
  }
  return kinds;
}

std::vector<std::string> make_notes(const Checkpoint& checkpoint, const Summary& summary) {
  std::vector<std::string> notes;
  const ModelConfig& config = checkpoint.config();
  const ScaleKinds scales = find_scale_kinds(checkpoint.tensors());
  auto has_class = [&](TensorClass wanted) {
    return std::ranges::find(summary.classes, wanted, &ClassSummary::tensor_class) != summary.classes.end();
  };
  if (!summary.kv_cache_algo.empty() && !scales.kv) {
    notes.push_back(fmt::format("declares an {} KV cache without scales: scale 1.0", summary.kv_cache_algo));
  }
  if (scales.nvfp4_input) {
    notes.emplace_back(
        "NVFP4 layers carry an input_scale, as an export with 4-bit activations does; "
        "nibble computes them weight-only and does not use it");
  }
  if (config.text.mtp_layers > 0 && !has_class(TensorClass::kMtp)) {
    notes.push_back(fmt::format("config.json has {} MTP layer{}, the files have none", config.text.mtp_layers,
                                config.text.mtp_layers == 1 ? "" : "s"));
  }
  if (config.vision && config.vision->depth > 0 && !has_class(TensorClass::kVision)) {
    notes.emplace_back("config.json has a vision tower, the files have none: text only");
  }
  if (config.text.rope.yarn_factor > 1) {
    notes.push_back(fmt::format("YaRN stretches the context of {} by {}", config.text.rope.yarn_original_context,
                                config.text.rope.yarn_factor));
  }
  if (config.text.tie_word_embeddings) notes.emplace_back("lm_head is the embedding matrix (tied)");
  return notes;
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string class_line(std::string_view name, const ClassSummary& summary) {
  return fmt::format("  {:<22}{:>9}{:>12}{:>11}{:>13.2f}   {}\n", name, summary.tensors,
                     format_count(summary.parameters), format_bytes(summary.bytes), summary.bits_per_weight(),
                     summary.formats());
}

std::string quantization_line(const Summary& summary) {
  if (summary.quantization.empty()) return "none";
  std::string line = summary.quantization;
  if (!summary.producer.empty()) line += " by " + summary.producer;
  line += ", KV cache " + (summary.kv_cache_algo.empty() ? "not declared" : summary.kv_cache_algo);
  return line;
}

std::int64_t count_layers(const TextConfig& text, LayerType type) { return std::ranges::count(text.layer_types, type); }

void write_class(const ClassSummary& summary, std::string_view name, JsonWriter& writer) {
  writer.begin_object();
  writer.member("class", name);
  writer.member("tensors", summary.tensors);
  writer.member("parameters", summary.parameters);
  writer.member("bytes", summary.bytes);
  writer.member("bits_per_weight", summary.bits_per_weight());
  writer.key("parameters_by_format");
  writer.begin_object();
  for (const auto& [format, parameters] : summary.parameters_by_format) writer.member(format, parameters);
  writer.end_object();
  writer.end_object();
}

void write_config(const ModelConfig& config, JsonWriter& writer) {
  const TextConfig& text = config.text;
  writer.member("architecture", config.architecture);
  writer.member("model_type", config.model_type);
  writer.member("layers", text.layers);
  writer.member("linear_attention_layers", count_layers(text, LayerType::kLinearAttention));
  writer.member("full_attention_layers", count_layers(text, LayerType::kFullAttention));
  writer.member("hidden_size", text.hidden_size);
  writer.member("vocab_size", text.vocab_size);
  writer.member("max_context", text.max_context);
  writer.member("heads", text.heads);
  writer.member("kv_heads", text.kv_heads);
  writer.member("head_dim", text.head_dim);
  writer.member("rotary_dim", text.rotary_dim());
  writer.member("linear_key_heads", text.linear_key_heads);
  writer.member("linear_key_dim", text.linear_key_dim);
  writer.member("linear_value_heads", text.linear_value_heads);
  writer.member("linear_value_dim", text.linear_value_dim);
  writer.member("conv_kernel", text.conv_kernel);
  writer.member("experts", text.experts);
  writer.member("top_k", text.top_k);
  writer.member("expert_width", text.expert_width);
  writer.member("shared_expert_width", text.shared_expert_width);
  writer.member("mtp_layers", text.mtp_layers);
  writer.member("vision_blocks", config.vision ? config.vision->depth : 0);
}

}  // namespace

std::string ClassSummary::formats() const {
  std::vector<std::string_view> names;
  for (const auto& [format, count] : parameters_by_format) names.push_back(format);
  return fmt::format("{}", fmt::join(names, ", "));
}

double ClassSummary::bits_per_weight() const {
  return parameters == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
}

Summary summarize(const Checkpoint& checkpoint) {
  std::array<ClassSummary, kTensorClasses> classes;
  for (std::size_t i = 0; i < classes.size(); ++i) classes[i].tensor_class = static_cast<TensorClass>(i);
  const TensorStore& store = checkpoint.tensors();
  for (const TensorEntry& entry : store.entries()) {
    add(classes[static_cast<std::size_t>(tensor_class_of(entry.name))], store, entry);
  }
  Summary summary;
  summary.folder = checkpoint.folder().string();
  summary.config = checkpoint.config();
  summary.shards = store.shard_count();
  for (const ClassSummary& one : classes) {
    if (one.tensors == 0) continue;
    add(summary.total, one);
    summary.classes.push_back(one);
  }
  const QuantizationConfig& quantization = checkpoint.quantization();
  summary.quantization = quantization.top_algo();
  summary.producer = quantization.producer();
  summary.kv_cache_algo = quantization.kv_cache_algo();
  summary.notes = make_notes(checkpoint, summary);
  return summary;
}

std::string to_text(const Summary& summary) {
  const ModelConfig& config = summary.config;
  const TextConfig& text = config.text;
  std::string page = summary.folder + "\n";
  auto line = [&](std::string_view name, const std::string& content) {
    page += fmt::format("  {:<14}{}\n", name, content);
  };
  line("architecture", fmt::format("{} ({})", config.architecture, config.model_type));
  line("layers", fmt::format("{}: {} DeltaNet, {} attention; {} MTP", text.layers,
                             count_layers(text, LayerType::kLinearAttention),
                             count_layers(text, LayerType::kFullAttention), text.mtp_layers));
  line("sizes",
       fmt::format("hidden {}, vocabulary {}, context {}", text.hidden_size, text.vocab_size, text.max_context));
  line("attention", fmt::format("{} heads, {} KV heads, head_dim {}, rotary {}", text.heads, text.kv_heads,
                                text.head_dim, text.rotary_dim()));
  line("DeltaNet", fmt::format("{} key heads of {}, {} value heads of {}, convolution {}", text.linear_key_heads,
                               text.linear_key_dim, text.linear_value_heads, text.linear_value_dim, text.conv_kernel));
  line("experts", fmt::format("{}, top {}, width {}, shared {}", text.experts, text.top_k, text.expert_width,
                              text.shared_expert_width));
  line("vision", config.vision && config.vision->depth > 0
                     ? fmt::format("{} blocks of {}", config.vision->depth, config.vision->hidden_size)
                     : "none");
  line("quantization", quantization_line(summary));
  line("files", fmt::format("{}, {}, {}", plural(summary.shards, "shard"), plural(summary.total.tensors, "tensor"),
                            format_bytes(summary.total.bytes)));
  page += fmt::format("\n  {:<22}{:>9}{:>12}{:>11}{:>13}   {}\n", "class", "tensors", "weights", "size", "bits/weight",
                      "formats");
  for (const ClassSummary& one : summary.classes) page += class_line(tensor_class_name(one.tensor_class), one);
  page += class_line("total", summary.total);
  if (!summary.notes.empty()) page += '\n';
  for (const std::string& note : summary.notes) page += fmt::format("  note: {}\n", note);
  return page;
}

void write_json(const Summary& summary, JsonWriter& writer) {
  writer.begin_object();
  writer.member("folder", summary.folder);
  write_config(summary.config, writer);
  writer.member("quantization", summary.quantization);
  writer.member("producer", summary.producer);
  writer.member("kv_cache_algo", summary.kv_cache_algo);
  writer.member("shards", summary.shards);
  writer.key("classes");
  writer.begin_array();
  for (const ClassSummary& one : summary.classes) write_class(one, tensor_class_name(one.tensor_class), writer);
  writer.end_array();
  writer.key("total");
  write_class(summary.total, "total", writer);
  writer.key("notes");
  writer.begin_array();
  for (const std::string& note : summary.notes) writer.value(note);
  writer.end_array();
  writer.end_object();
}

}  // namespace nibble::checkpoint
