#include "quantize/quantizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "quantize/calibration.h"
#include "quantize/export_config.h"
#include "quantize/matrix_pipeline.h"
#include "quantize/plan.h"

namespace nibble::quantize {
namespace {

// What makes a folder a model beside weights and config.json. Copied where present.
constexpr std::array<std::string_view, 13> kCompanionFiles = {"tokenizer.json",
                                                              "tokenizer_config.json",
                                                              "special_tokens_map.json",
                                                              "added_tokens.json",
                                                              "vocab.json",
                                                              "merges.txt",
                                                              "chat_template.jinja",
                                                              "chat_template.json",
                                                              "generation_config.json",
                                                              "preprocessor_config.json",
                                                              "video_preprocessor_config.json",
                                                              "processor_config.json",
                                                              "LICENSE"};

constexpr std::size_t kCopyBytes = std::size_t{8} << 20;

Status check_output_path(const std::filesystem::path& input, const std::filesystem::path& output) {
  std::error_code ignored;
  const auto from = std::filesystem::weakly_canonical(input, ignored);
  const auto to = std::filesystem::weakly_canonical(output, ignored);
  if (std::ranges::mismatch(from, to).in1 == from.end()) {
    return invalid_input(fmt::format("the output folder '{}' is the input '{}' or lies inside it; name another",
                                     output.string(), input.string()));
  }
  return {};
}

Status copy_tensor(const checkpoint::TensorStore& store, const checkpoint::TensorEntry& entry,
                   checkpoint::SafetensorsWriter& writer, Progress& progress) {
  const std::span<const std::byte> bytes = store.bytes(entry);
  for (std::size_t begin = 0; begin < bytes.size(); begin += kCopyBytes) {
    RETURN_IF_ERROR(check_interrupt());
    const auto piece = bytes.subspan(begin, std::min(kCopyBytes, bytes.size() - begin));
    RETURN_IF_ERROR(writer.write(entry.name, begin, piece));
    progress.advance(piece.size());
  }
  return {};
}

Status write_configuration(const std::filesystem::path& input, const std::filesystem::path& output, const Plan& plan,
                           const Recipe& recipe) {
  ASSIGN_OR_RETURN(const std::string config_text, read_file(input / "config.json"));
  ASSIGN_OR_RETURN_IN("config.json", const JsonDocument config, JsonDocument::parse(config_text));
  RETURN_IF_ERROR(
      write_file(output / "config.json", config_with_quantization(config.root(), plan, recipe.kv_cache_algo)));
  return write_file(output / "hf_quant_config.json", hf_quant_config(plan, recipe.kv_cache_algo));
}

Status copy_companions(const std::filesystem::path& input, const std::filesystem::path& output) {
  for (const std::string_view name : kCompanionFiles) {
    std::error_code ignored;
    if (!std::filesystem::exists(input / name, ignored)) continue;
    ASSIGN_OR_RETURN(const std::string content, read_file(input / name));
    RETURN_IF_ERROR(write_file(output / name, content));
  }
  return {};
}

std::uint64_t planned_bytes(const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const checkpoint::PlannedTensor& tensor : plan.tensors) {
    bytes += static_cast<std::uint64_t>(tensor.shape.elements()) * dtype_bytes(tensor.dtype);
  }
  return bytes;
}

Result<QuantizeSummary> write_tensors(const checkpoint::TensorStore& store, const Plan& plan,
                                      const InputAmaxes& input_amaxes, const std::filesystem::path& folder,
                                      std::uint64_t max_shard_bytes, ThreadPool& pool) {
  QuantizeSummary summary{.input_bytes = store.total_bytes(), .output_bytes = planned_bytes(plan), .tensors = {}};
  ASSIGN_OR_RETURN(auto writer, checkpoint::SafetensorsWriter::create(folder, plan.tensors, max_shard_bytes));
  Progress progress("quantizing", summary.input_bytes, "B");
  ASSIGN_OR_RETURN(summary.tensors, MatrixPipeline(store, input_amaxes, writer, pool).run(plan, progress));
  for (const checkpoint::TensorEntry* entry : plan.kept) {
    RETURN_IF_ERROR(copy_tensor(store, *entry, writer, progress));
  }
  RETURN_IF_ERROR(writer.finish());
  return summary;
}

}  // namespace

Result<QuantizeSummary> quantize_checkpoint(const std::filesystem::path& input, const std::filesystem::path& output,
                                            const Recipe& recipe, const QuantizeOptions& options, ThreadPool& pool) {
  RETURN_IF_ERROR(check_output_path(input, output));
  ASSIGN_OR_RETURN(const auto checkpoint, checkpoint::Checkpoint::open(input));
  if (checkpoint.quantization().quantized()) {
    return invalid_input(fmt::format("'{}' is already quantized ({}); start from the BF16 checkpoint", input.string(),
                                     checkpoint.quantization().top_algo()));
  }
  ASSIGN_OR_RETURN_IN(input.string(), const Plan plan, make_plan(checkpoint.tensors().entries(), recipe));
  ASSIGN_OR_RETURN(OutputFolder folder, OutputFolder::create(output));

  InputAmaxes input_amaxes;
  if (recipe.needs_calibration()) {
    ASSIGN_OR_RETURN(input_amaxes,
                     measure_input_amaxes(checkpoint, options.calibration_tokens, options.calibration_sequence, pool));
  }
  ASSIGN_OR_RETURN_IN(
      input.string(), QuantizeSummary summary,
      write_tensors(checkpoint.tensors(), plan, input_amaxes, folder.working_path(), options.max_shard_bytes, pool));
  RETURN_IF_ERROR(write_configuration(input, folder.working_path(), plan, recipe));
  RETURN_IF_ERROR(copy_companions(input, folder.working_path()));
  RETURN_IF_ERROR(folder.commit());
  return summary;
}

}  // namespace nibble::quantize
