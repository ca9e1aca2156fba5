#include "quantize/synthetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensor_inventory.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "quantize/export_config.h"
#include "quantize/plan.h"
#include "quantize/recipe.h"
#include "quantize/slab_loop.h"
#include "quantize/synthetic_values.h"

namespace nibble::quantize {
namespace {

using checkpoint::DType;
using checkpoint::PlannedTensor;
using checkpoint::TensorEntry;

// Small enough to stay in a core's cache between the making and the writing, large enough for a disk.
constexpr std::uint64_t kSlabBytes = std::uint64_t{1} << 20;
// What one tensor takes in a header and in the index, generously.
constexpr std::uint64_t kNameBytes = 400;
// Of all layers, twenty times the official model's: a recipe makes twelve tensors of one.
constexpr std::int64_t kMaxExperts = 200'000;

constexpr std::string_view kGlobalScale = ".weight_scale_2";
constexpr std::string_view kInputScale = ".input_scale";

// Vision, text, head, MTP: the order of the official shards. Within a part the tensors keep theirs.
std::vector<PlannedTensor> in_official_order(std::vector<PlannedTensor> tensors) {
  const auto part_of = [](std::string_view name) -> std::size_t {
    if (name.starts_with("model.visual.")) return 0;
    if (name.starts_with("lm_head.")) return 2;
    return name.starts_with("mtp.") ? 3 : 1;
  };
  std::array<std::vector<PlannedTensor>, 4> parts;
  for (PlannedTensor& tensor : tensors) parts[part_of(tensor.name)].push_back(std::move(tensor));
  std::vector<PlannedTensor> ordered;
  ordered.reserve(tensors.size());
  for (auto& part : parts) std::ranges::move(part, std::back_inserter(ordered));
  return ordered;
}

std::string_view module_of(std::string_view tensor_name) { return tensor_name.substr(0, tensor_name.rfind('.')); }

// Linears that see the same input have the same input scale: the siblings of a block, and all experts of a layer
// (formats §1.3). What closes a block ("o_proj", "out_proj", "down_proj") has an input of its own.
std::string input_group(std::string_view module) {
  const std::string_view leaf = module.substr(module.rfind('.') + 1);
  std::string_view block = module_of(module);
  if (const std::size_t experts = block.rfind(".experts."); experts != std::string_view::npos) {
    block = block.substr(0, experts);
  }
  const bool closes = leaf == "o_proj" || leaf == "out_proj" || leaf == "down_proj";
  return fmt::format("{} {}", block, closes ? leaf : "input");
}

void add_nvfp4_input_scales(std::vector<PlannedTensor>& tensors) {
  std::vector<PlannedTensor> all;
  all.reserve(tensors.size() + tensors.size() / 3);
  for (PlannedTensor& tensor : tensors) {
    const bool last_of_linear = tensor.name.ends_with(kGlobalScale);
    all.push_back(std::move(tensor));
    if (last_of_linear) all.push_back({fmt::format("{}{}", module_of(all.back().name), kInputScale), DType::kF32, {}});
  }
  tensors = std::move(all);
}

std::unordered_map<std::string, float> make_scales(const Plan& plan, const std::vector<PlannedTensor>& tensors,
                                                   const SyntheticValues& values) {
  std::unordered_map<std::string, float> scales;
  for (const SharingGroup& group : plan.groups) {
    const std::string& shared = group.front().module;
    for (const PlannedMatrix& matrix : group) {
      if (matrix.rule->format == TargetFormat::kFp8) {
        scales.emplace(matrix.module + ".weight_scale", values.fp8_scale(matrix.module));
      } else {
        scales.emplace(fmt::format("{}{}", matrix.module, kGlobalScale), values.nvfp4_scale(shared));
      }
    }
  }
  for (const PlannedTensor& tensor : tensors) {
    if (!tensor.name.ends_with(kInputScale)) continue;
    const std::string module(module_of(tensor.name));
    const bool nvfp4 = scales.contains(fmt::format("{}{}", module, kGlobalScale));
    const float largest_code = nvfp4 ? numerics::kE2m1Max * numerics::kE4m3Max : numerics::kE4m3Max;
    scales.emplace(tensor.name, values.input_scale(input_group(module), largest_code));
  }
  return scales;
}

Result<std::uint64_t> total_bytes(std::span<const PlannedTensor> tensors) {
  std::uint64_t total = 0;
  for (const PlannedTensor& tensor : tensors) {
    ASSIGN_OR_RETURN(const std::uint64_t bytes, checkpoint::planned_bytes(tensor));
    const auto sum = checked_add(total, bytes);
    if (!sum) return invalid_input("config.json: the tensors would have more than 2^64 bytes");
    total = *sum;
  }
  return total;
}

Status check_expert_count(const checkpoint::TextConfig& text) {
  if (text.experts * text.layers <= kMaxExperts) return {};
  return invalid_input(
      fmt::format("config.json: {} layers of {} experts are more than the {} experts that nibble quantizes",
                  text.layers, text.experts, kMaxExperts));
}

// Splits, names and scales what the recipe quantizes.
Status apply_recipe(const Recipe& recipe, std::span<const PlannedTensor> inventory, JsonView config, std::uint64_t seed,
                    SyntheticPlan& synthetic) {
  std::vector<TensorEntry> entries;
  entries.reserve(inventory.size());
  for (const PlannedTensor& tensor : inventory) {
    entries.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  ASSIGN_OR_RETURN(Plan plan, make_plan(entries, recipe));
  synthetic.tensors = std::move(plan.tensors);
  if (recipe.needs_calibration()) add_nvfp4_input_scales(synthetic.tensors);
  synthetic.scales = make_scales(plan, synthetic.tensors, SyntheticValues(seed));
  synthetic.config = config_with_quantization(config, plan, recipe.kv_cache_algo);
  synthetic.hf_quant_config = hf_quant_config(plan, recipe.kv_cache_algo);
  return {};
}

class Writer {
 public:
  Writer(const SyntheticPlan& plan, std::uint64_t seed, checkpoint::SafetensorsWriter& writer)
      : plan_(plan), values_(seed), writer_(writer), progress_("writing", plan.bytes, "B") {}

  Status run(ThreadPool& pool);

 private:
  struct Slab {
    const PlannedTensor* tensor;
    std::uint64_t offset;
    std::uint64_t bytes;
  };

  Result<std::vector<Slab>> slabs() const;
  Status write(const Slab& slab);

  const SyntheticPlan& plan_;
  SyntheticValues values_;
  checkpoint::SafetensorsWriter& writer_;
  std::mutex mutex_;  // guards progress_
  Progress progress_;
};

Result<std::vector<Writer::Slab>> Writer::slabs() const {
  std::vector<Slab> slabs;
  for (const PlannedTensor& tensor : plan_.tensors) {
    ASSIGN_OR_RETURN(const std::uint64_t size, checkpoint::planned_bytes(tensor));
    for (std::uint64_t offset = 0; offset < size; offset += kSlabBytes) {
      slabs.push_back({&tensor, offset, std::min(kSlabBytes, size - offset)});
    }
  }
  return slabs;
}

Status Writer::write(const Slab& slab) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(slab.bytes);
  const std::span bytes(buffer.get(), slab.bytes);
  if (slab.tensor->dtype == DType::kF32) {
    const float scale = plan_.scales.at(slab.tensor->name);
    NIBBLE_CHECK(bytes.size() == sizeof scale);
    std::memcpy(bytes.data(), &scale, sizeof scale);
  } else {
    values_.fill(*slab.tensor, slab.offset, bytes);
  }
  RETURN_IF_ERROR(writer_.write(slab.tensor->name, slab.offset, bytes));
  const std::scoped_lock lock(mutex_);
  progress_.advance(slab.bytes);
  return {};
}

Status Writer::run(ThreadPool& pool) {
  ASSIGN_OR_RETURN(const std::vector<Slab> all, slabs());
  RETURN_IF_ERROR(for_each_slab(pool, static_cast<std::int64_t>(all.size()),
                                [&](std::int64_t i) { return write(all[static_cast<std::size_t>(i)]); }));
  return writer_.finish();
}

Status check_room(const std::filesystem::path& folder, const SyntheticPlan& plan) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error) return {};  // a file system that does not tell; the writes will
  const std::uint64_t needed = plan.bytes + kNameBytes * plan.tensors.size();
  if (space.available >= needed) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("the checkpoint takes {}, its disk has {} free; ask for fewer layers, free some space or "
                          "choose another disk",
                          format_bytes(needed), format_bytes(space.available)));
}

}  // namespace

Result<SyntheticPlan> plan_synthetic(std::string_view config_text, const SyntheticOptions& options) {
  ASSIGN_OR_RETURN_IN("config.json", const JsonDocument given, JsonDocument::parse(config_text));
  SyntheticPlan synthetic;
  ASSIGN_OR_RETURN(synthetic.config, changed_config(given.root(), options.changes));
  ASSIGN_OR_RETURN(const checkpoint::ModelConfig config, checkpoint::parse_model_config(synthetic.config, ""));
  std::vector<PlannedTensor> inventory = checkpoint::tensor_inventory(config);
  if (options.recipe == kBf16Recipe) {
    synthetic.tensors = std::move(inventory);
  } else {
    RETURN_IF_ERROR(check_expert_count(config.text));
    ASSIGN_OR_RETURN(const Recipe recipe, load_recipe(options.recipe));
    ASSIGN_OR_RETURN_IN("config.json", const JsonDocument changed, JsonDocument::parse(synthetic.config));
    RETURN_IF_ERROR(apply_recipe(recipe, inventory, changed.root(), options.seed, synthetic));
  }
  synthetic.tensors = in_official_order(std::move(synthetic.tensors));
  ASSIGN_OR_RETURN(synthetic.bytes, total_bytes(synthetic.tensors));
  return synthetic;
}

Status write_synthetic(const SyntheticPlan& plan, const std::filesystem::path& output, const SyntheticOptions& options,
                       ThreadPool& pool) {
  ASSIGN_OR_RETURN(OutputFolder folder, OutputFolder::create(output));
  RETURN_IF_ERROR_IN(output.string(), check_room(folder.working_path(), plan));
  if (!options.tokenizer.empty()) {
    ASSIGN_OR_RETURN(const std::string tokenizer, read_file(options.tokenizer));
    RETURN_IF_ERROR(write_file(folder.working_path() / "tokenizer.json", tokenizer));
  }
  ASSIGN_OR_RETURN(auto writer,
                   checkpoint::SafetensorsWriter::create(folder.working_path(), plan.tensors, options.max_shard_bytes));
  RETURN_IF_ERROR(Writer(plan, options.seed, writer).run(pool));
  RETURN_IF_ERROR(write_file(folder.working_path() / "config.json", plan.config));
  if (!plan.hf_quant_config.empty()) {
    RETURN_IF_ERROR(write_file(folder.working_path() / "hf_quant_config.json", plan.hf_quant_config));
  }
  return folder.commit();
}

}  // namespace nibble::quantize
