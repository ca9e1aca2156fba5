#include "checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "checkpoint/safetensors_header.h"
#include "numerics/bf16.h"
#include "numerics/f16.h"

namespace nibble::checkpoint {
namespace {

using numerics::MatrixView;
using numerics::WeightFormat;

constexpr std::array kFloats{DType::kBF16, DType::kF16, DType::kF32};

WeightFormat plain_format(DType dtype) {
  if (dtype == DType::kBF16) return WeightFormat::kBf16;
  return dtype == DType::kF16 ? WeightFormat::kF16 : WeightFormat::kF32;
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float element_as_float(DType dtype, const std::byte* from) {
  if (dtype == DType::kBF16) return numerics::bf16_to_float(load<std::uint16_t>(from));
  if (dtype == DType::kF16) return numerics::f16_to_float(load<std::uint16_t>(from));
  return load<float>(from);
}

Result<std::string> find_text_prefix(const TensorStore& tensors) {
  for (std::string_view prefix : {"model.language_model.", "model."}) {
    if (tensors.contains(std::string(prefix) + "embed_tokens.weight")) return std::string(prefix);
  }
  return fail(
      ErrorCode::kNotFound,
      tensors.location() +
          ": there is neither \"model.language_model.embed_tokens.weight\" nor \"model.embed_tokens.weight\"; is "
          "it a language model, and is the download complete?");
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(ModelConfig config, read_model_config(folder));
  ASSIGN_OR_RETURN(QuantizationConfig quantization, QuantizationConfig::read(folder));
  ASSIGN_OR_RETURN(TensorStore tensors, TensorStore::open(folder));
  ASSIGN_OR_RETURN(std::string text_prefix, find_text_prefix(tensors));
  return Checkpoint(folder, std::move(config), std::move(quantization), std::move(tensors), std::move(text_prefix));
}

Checkpoint::Checkpoint(std::filesystem::path folder, ModelConfig config, QuantizationConfig quantization,
                       TensorStore tensors, std::string text_prefix)
    : folder_(std::move(folder)),
      config_(std::move(config)),
      quantization_(std::move(quantization)),
      tensors_(std::move(tensors)),
      text_prefix_(std::move(text_prefix)) {}

Result<Checkpoint::Expert> Checkpoint::expert(std::string_view experts_module, std::int64_t index, std::int64_t width,
                                              std::int64_t hidden) const {
  NIBBLE_CHECK(index >= 0 && index < config_.text.experts);
  const std::string module(experts_module);
  if (tensors_.contains(module + ".gate_up_proj")) return fused_expert(module, index, width, hidden);
  const std::string prefix = fmt::format("{}.{}.", module, index);
  if (tensors_.with_prefix(prefix).empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: expert {} of {} is missing: there is neither {} nor {}; is the download complete, and "
                            "does config.json have the right num_experts ({})?",
                            tensors_.location(), index, config_.text.experts, quoted_name(module + ".gate_up_proj"),
                            quoted_name(prefix + "gate_proj.weight"), config_.text.experts));
  }
  Expert expert;
  ASSIGN_OR_RETURN(expert.gate, linear(prefix + "gate_proj", width, hidden));
  ASSIGN_OR_RETURN(expert.up, linear(prefix + "up_proj", width, hidden));
  ASSIGN_OR_RETURN(expert.down, linear(prefix + "down_proj", hidden, width));
  return expert;
}

// gate_up_proj [experts, 2 * width, hidden], the gate's rows first, and down_proj [experts, hidden, width].
Result<Checkpoint::Expert> Checkpoint::fused_expert(const std::string& module, std::int64_t index, std::int64_t width,
                                                    std::int64_t hidden) const {
  const std::int64_t experts = config_.text.experts;
  ASSIGN_OR_RETURN(const TensorEntry* gate_up,
                   tensors_.require(module + ".gate_up_proj", {experts, 2 * width, hidden}, kFloats));
  ASSIGN_OR_RETURN(const TensorEntry* down, tensors_.require(module + ".down_proj", {experts, hidden, width}, kFloats));
  RETURN_IF_ERROR(check_declaration(module, plain_format(gate_up->dtype)));
  auto matrix = [&](const TensorEntry& entry, std::int64_t rows, std::int64_t cols, std::int64_t number) {
    MatrixView view;
    view.format = plain_format(entry.dtype);
    view.rows = rows;
    view.cols = cols;
    view.data = tensors_.bytes(entry).data() +
                static_cast<std::size_t>(number) * view.row_bytes() * static_cast<std::size_t>(rows);
    return view;
  };
  return Expert{.gate = matrix(*gate_up, width, hidden, 2 * index),
                .up = matrix(*gate_up, width, hidden, 2 * index + 1),
                .down = matrix(*down, hidden, width, index)};
}

Result<std::vector<float>> Checkpoint::floats(std::string_view name, const Shape& shape) const {
  ASSIGN_OR_RETURN(const TensorEntry* entry, tensors_.require(name, shape, kFloats));
  std::span<const std::byte> bytes = tensors_.bytes(*entry);
  const std::size_t step = dtype_bytes(entry->dtype);
  std::vector<float> values(bytes.size() / step);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = element_as_float(entry->dtype, bytes.data() + i * step);
    if (!std::isfinite(values[i])) {
      return invalid_input(fmt::format("{}: element {} is {}; expected finite numbers: the file is damaged",
                                       tensors_.describe(*entry), i, values[i]));
    }
  }
  return values;
}

}  // namespace nibble::checkpoint
