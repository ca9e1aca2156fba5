#include "quantize/quantized_folder.h"

#include <fmt/format.h>

#include <map>

#include "base/json.h"
#include "support/test_files.h"

namespace nibble::quantize {

using nibble::testing::must;

std::filesystem::path tiny_model() { return testing::source_path("models/qwen36-tiny"); }

QuantizeOptions golden_calibration() {
  const std::string text = testing::must_read(testing::golden_path("quantize/nvidia/calibration.json"));
  const JsonDocument golden = must(JsonDocument::parse(text));
  QuantizeOptions options;
  options.calibration_sequence = must(required_integer(golden.root(), "sequence", 1, 4096));
  const JsonView tokens = golden.root().find("tokens");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    options.calibration_tokens.push_back(static_cast<std::int32_t>(tokens.element(i).as_integer().value()));
  }
  return options;
}

const QuantizedTiny& quantized_tiny(const std::string& recipe) {
  static const testing::TemporaryFolder temporary;
  static std::map<std::string, QuantizedTiny> made;
  if (const auto found = made.find(recipe); found != made.end()) return found->second;
  const std::filesystem::path folder = temporary / recipe;
  ThreadPool pool(2);
  QuantizeSummary summary =
      must(quantize_checkpoint(tiny_model(), folder, must(load_recipe(recipe)), golden_calibration(), pool));
  return made.emplace(recipe, QuantizedTiny{folder, std::move(summary)}).first->second;
}

std::span<const std::byte> tensor_bytes(const checkpoint::TensorStore& store, std::string_view name) {
  const checkpoint::TensorEntry* entry = store.find(name);
  if (entry == nullptr) testing::die(Error(ErrorCode::kNotFound, fmt::format("no tensor {}", name)));
  return store.bytes(*entry);
}

std::vector<float> decoded(const numerics::MatrixView& matrix) {
  std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.cols));
  for (std::int64_t row = 0; row < matrix.rows; ++row) decode_row(matrix, row, values.data() + row * matrix.cols);
  return values;
}

std::vector<Counterpart> nvfp4_matrices(const checkpoint::Checkpoint& original,
                                        const checkpoint::Checkpoint& quantized) {
  const checkpoint::TextConfig& config = original.config().text;
  std::vector<Counterpart> matrices;
  const auto add = [&](std::string module, const numerics::MatrixView& from, const numerics::MatrixView& to) {
    matrices.push_back({std::move(module), from, to});
  };
  const auto add_linear = [&](const std::string& module, std::int64_t rows, std::int64_t cols) {
    add(module, must(original.linear(module, rows, cols)), must(quantized.linear(module, rows, cols)));
  };
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string mlp = fmt::format("{}layers.{}.mlp", original.text_prefix(), layer);
    for (std::int64_t i = 0; i < config.experts; ++i) {
      const auto from = must(original.expert(mlp + ".experts", i, config.expert_width, config.hidden_size));
      const auto to = must(quantized.expert(mlp + ".experts", i, config.expert_width, config.hidden_size));
      add(fmt::format("{}.experts.{}.gate_proj", mlp, i), from.gate, to.gate);
      add(fmt::format("{}.experts.{}.up_proj", mlp, i), from.up, to.up);
      add(fmt::format("{}.experts.{}.down_proj", mlp, i), from.down, to.down);
    }
    add_linear(mlp + ".shared_expert.gate_proj", config.shared_expert_width, config.hidden_size);
    add_linear(mlp + ".shared_expert.up_proj", config.shared_expert_width, config.hidden_size);
    add_linear(mlp + ".shared_expert.down_proj", config.hidden_size, config.shared_expert_width);
  }
  add_linear("lm_head", config.vocab_size, config.hidden_size);
  return matrices;
}

}  // namespace nibble::quantize
