#include "evaluate/model_work.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "checkpoint/tensor_class.h"
#include "checkpoint/tensor_inventory.h"

namespace nibble::evaluate {
namespace {

using checkpoint::LayerType;
using checkpoint::TensorClass;
using checkpoint::TextConfig;

TextConfig first_layers(TextConfig config, std::int64_t layers) {
  config.layers = layers;
  config.layer_types.resize(static_cast<std::size_t>(layers));
  return config;
}

double count(const TextConfig& config, LayerType type) {
  return static_cast<double>(std::ranges::count(config.layer_types, type));
}

// The number in "<prefix>layers.7.…", or nullopt.
std::optional<std::int64_t> layer_of(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kLayers = "layers.";
  if (!name.starts_with(prefix) || !name.substr(prefix.size()).starts_with(kLayers)) return std::nullopt;
  const std::string_view rest = name.substr(prefix.size() + kLayers.size());
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
  return error == std::errc() ? std::optional(layer) : std::nullopt;
}

double product(std::int64_t a, std::int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

}  // namespace

Result<StateBytes> measure_state_bytes(const model::TextModel& model) {
  const double full = count(model.config(), LayerType::kFullAttention);
  const double linear = count(model.config(), LayerType::kLinearAttention);
  ASSIGN_OR_RETURN(const auto one, model.new_state(1));
  ASSIGN_OR_RETURN(const auto two, model.new_state(2));
  const double token = static_cast<double>(two->bytes() - one->bytes());
  StateBytes bytes;
  if (full > 0) bytes.per_token_and_full_layer = token / full;
  if (linear > 0) bytes.per_linear_layer = (static_cast<double>(one->bytes()) - token) / linear;
  return bytes;
}

ModelWork::ModelWork(const checkpoint::Checkpoint& checkpoint, std::int64_t layers, const StateBytes& state)
    : config_(first_layers(checkpoint.config().text, layers)),
      state_(state),
      full_layers_(count(config_, LayerType::kFullAttention)),
      linear_layers_(count(config_, LayerType::kLinearAttention)) {
  count_bytes(checkpoint);
  count_flops();
  checkpoint::ModelConfig bound = checkpoint.config();
  bound.text = config_;
  bound.text.mtp_layers = 0;
  bound.vision.reset();
  for (const auto& tensor : tensor_inventory(bound)) parameters_ += static_cast<double>(tensor.shape.elements());
}

void ModelWork::count_bytes(const checkpoint::Checkpoint& checkpoint) {
  const double chosen = static_cast<double>(config_.top_k) / static_cast<double>(config_.experts);
  for (const checkpoint::TensorEntry& entry : checkpoint.tensors().entries()) {
    const auto bytes = static_cast<double>(entry.size);
    const TensorClass tensor_class = checkpoint::tensor_class_of(entry.name);
    if (tensor_class == TensorClass::kMtp || tensor_class == TensorClass::kVision) continue;
    if (const auto layer = layer_of(entry.name, checkpoint.text_prefix())) {
      if (*layer >= config_.layers) continue;
      weight_bytes_of_token_ += tensor_class == TensorClass::kRoutedExperts ? bytes * chosen : bytes;
    } else if (tensor_class == TensorClass::kEmbeddings) {
      // One row, and all of it where it is the head too.
      const double row = bytes / static_cast<double>(config_.vocab_size);
      weight_bytes_of_token_ += config_.tie_word_embeddings ? bytes + row : row;
    } else {
      weight_bytes_of_token_ += bytes;
    }
    weight_bytes_ += bytes;
  }
}

void ModelWork::count_flops() {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query = config_.heads * config_.head_dim;
  const std::int64_t value = config_.linear_value_heads * config_.linear_value_dim;
  const double attention = product(hidden, 3 * query + 2 * config_.kv_heads * config_.head_dim);
  const double delta_net = product(hidden, config_.conv_channels() + 2 * value + 2 * config_.linear_value_heads) +
                           product(config_.conv_channels(), config_.conv_kernel) +
                           // r = Sᵀk, S += k δᵀ, o = Sᵀq (architecture §3.5)
                           3 * product(config_.linear_value_heads * config_.linear_key_dim, config_.linear_value_dim);
  const double experts = product(hidden, config_.experts + 1) +
                         3 * product(hidden, config_.shared_expert_width + config_.top_k * config_.expert_width);
  flops_of_token_ =
      2 * (full_layers_ * attention + linear_layers_ * delta_net + static_cast<double>(config_.layers) * experts);
}

double ModelWork::decode_bytes(std::int64_t position) const {
  const double rows = static_cast<double>(position + 1);
  return weight_bytes_of_token_ + 2 * linear_layers_ * state_.per_linear_layer +
         rows * full_layers_ * state_.per_token_and_full_layer;
}

double ModelWork::prefill_flops(std::int64_t position, std::int64_t tokens) const {
  const auto n = static_cast<double>(tokens);
  const double pairs = n * static_cast<double>(position) + n * (n + 1) / 2;  // of a token and one that it sees
  const double scores = 4 * product(config_.heads, config_.head_dim) * full_layers_ * pairs;
  return n * flops_of_token_ + scores + 2 * product(config_.vocab_size, config_.hidden_size);
}

}  // namespace nibble::evaluate
