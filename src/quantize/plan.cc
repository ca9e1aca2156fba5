#include "quantize/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "numerics/nvfp4.h"

namespace nibble::quantize {
namespace {

using checkpoint::DType;
using checkpoint::QuantAlgo;
using checkpoint::Shape;
using checkpoint::TensorEntry;

constexpr std::string_view kWeightSuffix = ".weight";
constexpr std::string_view kGateUpStack = ".experts.gate_up_proj";
constexpr std::string_view kDownStack = ".experts.down_proj";

// Linears that receive the same input, first the one that names the group (formats §1.3).
constexpr std::array<std::array<std::string_view, 4>, 3> kSiblings = {{
    {"gate_proj", "up_proj"},
    {"q_proj", "k_proj", "v_proj"},
    {"in_proj_qkv", "in_proj_z", "in_proj_a", "in_proj_b"},
}};

// What an entry is to a recipe.
enum class Kind : std::uint8_t { kOther, kLinear, kEmbedding, kExpertStack };

Kind kind_of(const TensorEntry& entry) {
  if (entry.name.ends_with(kGateUpStack) || entry.name.ends_with(kDownStack)) {
    return entry.shape.rank() == 3 ? Kind::kExpertStack : Kind::kOther;
  }
  if (!entry.name.ends_with(kWeightSuffix) || entry.shape.rank() != 2) return Kind::kOther;
  return entry.name.ends_with("embed_tokens.weight") ? Kind::kEmbedding : Kind::kLinear;
}

// "….mlp.experts" for a stack, the name without ".weight" for a matrix.
std::string_view module_of(const TensorEntry& entry, Kind kind) {
  return entry.name.substr(
      0, kind == Kind::kExpertStack ? entry.name.rfind('.') : entry.name.size() - kWeightSuffix.size());
}

// "….mlp.experts.7.gate_proj" to "….mlp.experts": configuration files have one entry for all experts of a layer.
std::string_view listed_module(std::string_view module) {
  constexpr std::string_view kExperts = ".experts.";
  const std::size_t found = module.rfind(kExperts);
  return found == std::string_view::npos ? module : module.substr(0, found + kExperts.size() - 1);
}

QuantAlgo algo_of(TargetFormat format) {
  return format == TargetFormat::kFp8 ? QuantAlgo::kFp8 : QuantAlgo::kW4a16Nvfp4;
}

class Planner {
 public:
  explicit Planner(const Recipe& recipe) : recipe_(recipe) {}

  Status add(const TensorEntry& entry);
  Plan take() && { return std::move(plan_); }

 private:
  Status add_linear(const TensorEntry& entry, const Rule& rule);
  Status add_expert_stack(const TensorEntry& entry, const Rule& rule);
  Status add_matrix(SharingGroup& group, PlannedMatrix matrix);
  Result<std::size_t> group_for(std::string_view module, const Rule& rule);
  Status list(std::string_view module, QuantAlgo algo);
  void keep(const TensorEntry& entry);

  const Recipe& recipe_;
  Plan plan_;
  std::map<std::string, std::size_t, std::less<>> shared_groups_;  // by the name of the group's first sibling
};

Status check_source(const TensorEntry& entry, std::int64_t cols, const Rule& rule) {
  if (entry.dtype != DType::kBF16 && entry.dtype != DType::kF16 && entry.dtype != DType::kF32) {
    return invalid_input(fmt::format("tensor '{}' is {}; only BF16, F16 and F32 weights can be quantized", entry.name,
                                     checkpoint::dtype_name(entry.dtype)));
  }
  if (rule.format == TargetFormat::kW4a16Nvfp4 && cols % numerics::kNvfp4Block != 0) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("tensor '{}' {}: NVFP4 needs rows of a multiple of {} weights, found {}; keep this layer",
                            entry.name, entry.shape.describe(), numerics::kNvfp4Block, cols));
  }
  return {};
}

Status Planner::add(const TensorEntry& entry) {
  const Kind kind = kind_of(entry);
  if (kind == Kind::kOther) {
    keep(entry);
    return {};
  }
  const std::string_view module = module_of(entry, kind);
  const Rule* rule = kind == Kind::kEmbedding ? nullptr : recipe_.rule_for(module);
  if (rule == nullptr || rule->format == TargetFormat::kKeep) {
    plan_.kept_modules.emplace_back(module);
    keep(entry);
    return {};
  }
  return kind == Kind::kLinear ? add_linear(entry, *rule) : add_expert_stack(entry, *rule);
}

void Planner::keep(const TensorEntry& entry) {
  plan_.kept.push_back(&entry);
  plan_.tensors.push_back({std::string(entry.name), entry.dtype, entry.shape});
}

// NVFP4 siblings join the group of the first one that came; every other matrix gets a group of its own.
Result<std::size_t> Planner::group_for(std::string_view module, const Rule& rule) {
  const std::size_t leaf_begin = module.rfind('.') + 1;
  const std::string_view leaf = module.substr(leaf_begin);
  for (const auto& siblings : kSiblings) {
    if (rule.format != TargetFormat::kW4a16Nvfp4 || std::ranges::find(siblings, leaf) == siblings.end()) continue;
    const std::string key = fmt::format("{}{}", module.substr(0, leaf_begin), siblings[0]);
    const auto [found, inserted] = shared_groups_.emplace(key, plan_.groups.size());
    if (inserted) break;
    const PlannedMatrix& first = plan_.groups[found->second].front();
    if (first.rule != &rule) {
      return invalid_input(fmt::format("'{}' and '{}' share one global scale: put them under one rule of the recipe",
                                       first.module, module));
    }
    return found->second;
  }
  plan_.groups.emplace_back();
  return plan_.groups.size() - 1;
}

Status Planner::add_linear(const TensorEntry& entry, const Rule& rule) {
  RETURN_IF_ERROR(check_source(entry, entry.shape[1], rule));
  const std::string_view module = module_of(entry, Kind::kLinear);
  ASSIGN_OR_RETURN(const std::size_t group, group_for(module, rule));
  return add_matrix(
      plan_.groups[group],
      {.module = std::string(module), .source = &entry, .rows = entry.shape[0], .cols = entry.shape[1], .rule = &rule});
}

// gate_up_proj [experts, 2 * width, hidden]: gate is the first half of the rows, up the second, and both share a scale.
// down_proj [experts, hidden, width]. Written one Linear an expert, as every exporter does.
Status Planner::add_expert_stack(const TensorEntry& entry, const Rule& rule) {
  const bool gate_up = entry.name.ends_with(kGateUpStack);
  const std::int64_t experts = entry.shape[0];
  const std::int64_t rows = gate_up ? entry.shape[1] / 2 : entry.shape[1];
  RETURN_IF_ERROR(check_source(entry, entry.shape[2], rule));
  if (rule.format == TargetFormat::kFp8) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("tensor '{}': fused experts in FP8 have no agreed layout; use w4a16_nvfp4", entry.name));
  }
  if (gate_up && entry.shape[1] % 2 != 0) {
    return invalid_input(fmt::format("tensor '{}' {}: expected an even number of rows, gate then up", entry.name,
                                     entry.shape.describe()));
  }
  const auto projections =
      gate_up ? std::vector<std::string_view>{"gate_proj", "up_proj"} : std::vector<std::string_view>{"down_proj"};
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    plan_.groups.emplace_back();
    std::int64_t first_row = expert * entry.shape[1];
    for (const std::string_view projection : projections) {
      RETURN_IF_ERROR(
          add_matrix(plan_.groups.back(),
                     {.module = fmt::format("{}.{}.{}", module_of(entry, Kind::kExpertStack), expert, projection),
                      .source = &entry,
                      .first_row = first_row,
                      .rows = rows,
                      .cols = entry.shape[2],
                      .rule = &rule}));
      first_row += rows;
    }
  }
  return {};
}

// Plans the output tensors of one matrix (formats §1.1).
Status Planner::add_matrix(SharingGroup& group, PlannedMatrix matrix) {
  RETURN_IF_ERROR(list(listed_module(matrix.module), algo_of(matrix.rule->format)));
  const auto plan_tensor = [&](std::string_view suffix, DType dtype, Shape shape) {
    plan_.tensors.push_back({fmt::format("{}.{}", matrix.module, suffix), dtype, shape});
  };
  if (matrix.rule->format == TargetFormat::kFp8) {
    plan_tensor("weight", DType::kF8E4M3, {matrix.rows, matrix.cols});
    plan_tensor("weight_scale", DType::kF32, {});
    plan_tensor("input_scale", DType::kF32, {});
  } else {
    plan_tensor("weight", DType::kU8, {matrix.rows, matrix.cols / 2});
    plan_tensor("weight_scale", DType::kF8E4M3, {matrix.rows, matrix.cols / numerics::kNvfp4Block});
    plan_tensor("weight_scale_2", DType::kF32, {});
  }
  group.push_back(std::move(matrix));
  return {};
}

Status Planner::list(std::string_view module, QuantAlgo algo) {
  const auto [found, inserted] = plan_.quantized_modules.emplace(module, algo);
  if (!inserted && found->second != algo) {
    return invalid_input(
        fmt::format("the experts of '{}' fall under rules of different formats; give them one", module));
  }
  return {};
}

}  // namespace

Result<Plan> make_plan(std::span<const TensorEntry> entries, const Recipe& recipe) {
  std::vector<const TensorEntry*> order;
  order.reserve(entries.size());
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, natural_less, &TensorEntry::name);

  Planner planner(recipe);
  for (const TensorEntry* entry : order) RETURN_IF_ERROR(planner.add(*entry));
  Plan plan = std::move(planner).take();
  if (plan.groups.empty()) {
    return invalid_input(fmt::format("recipe '{}' covers none of the {} tensors; is this the model it was written for?",
                                     recipe.name, entries.size()));
  }
  return plan;
}

}  // namespace nibble::quantize
