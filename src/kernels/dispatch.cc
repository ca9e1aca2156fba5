#include "kernels/dispatch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <tuple>

#include "base/check.h"
#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/profiler.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels {
namespace {

struct Isa {
  std::string_view name;
  std::string (*detail)();        // what it computes with on this machine
  std::string (*why_not_here)();  // empty where this machine can run it
};

std::string runs_everywhere() { return {}; }

// Best first, the reference last.
constexpr std::array kIsas = {
    Isa{"portable", [] { return std::string(portable::simd().name); }, runs_everywhere},
    Isa{"reference", [] { return std::string("float64, one thread"); }, runs_everywhere},
};

template <typename Args>
struct Operation {
  std::string_view name;
  // In the order of kIsas, best first; nullptr where an instruction set has nothing of its own for the operation.
  std::array<void (*)(const Args&, ThreadPool&) noexcept, kIsas.size()> implementations;
};

// The table.
constexpr std::tuple kOperations{
    Operation<LinearArgs>{"linear", {portable::linear, reference::linear}},
    Operation<RmsNormArgs>{"rms_norm", {portable::rms_norm, reference::rms_norm}},
    Operation<GatedRmsNormArgs>{"gated_rms_norm", {portable::gated_rms_norm, reference::gated_rms_norm}},
    Operation<RopeArgs>{"rope", {portable::rope, reference::rope}},
    Operation<CausalAttentionArgs>{"causal_attention", {portable::causal_attention, reference::causal_attention}},
    Operation<SplitQueryGateArgs>{"split_query_gate", {portable::split_query_gate, reference::split_query_gate}},
    Operation<SigmoidGateArgs>{"sigmoid_gate", {portable::sigmoid_gate, reference::sigmoid_gate}},
    Operation<SwigluArgs>{"swiglu", {portable::swiglu, reference::swiglu}},
    Operation<AddArgs>{"add", {portable::add, reference::add}},
    Operation<GatedAddArgs>{"gated_add", {portable::gated_add, reference::gated_add}},
    Operation<CausalConvSiluArgs>{"causal_conv_silu", {portable::causal_conv_silu, reference::causal_conv_silu}},
    Operation<L2NormalizeArgs>{"l2_normalize", {portable::l2_normalize, reference::l2_normalize}},
    Operation<DeltaGatesArgs>{"delta_gates", {portable::delta_gates, reference::delta_gates}},
    Operation<GatedDeltaRuleArgs>{"gated_delta_rule", {portable::gated_delta_rule, reference::gated_delta_rule}},
    Operation<MoeRouterArgs>{"moe_router", {portable::moe_router, reference::moe_router}},
    Operation<MoeExpertsArgs>{"moe_experts", {portable::moe_experts, reference::moe_experts}}};

// Bit i: kIsas[i] may be used. 0 until NIBBLE_ISA has been read.
std::atomic<unsigned> usable_isas = 0;

bool usable(std::size_t isa) {
  if (usable_isas.load(std::memory_order_relaxed) == 0) {
    const Status status = use_isa_from_environment();
    NIBBLE_CHECK(status && "programs read NIBBLE_ISA with use_isa_from_environment() before they compute");
  }
  return (usable_isas.load(std::memory_order_relaxed) >> isa & 1U) != 0;
}

// The name of an operation in a profile. Projections by storage format: they are most of the time.
template <typename Args>
std::string_view profile_label(const Operation<Args>& operation, const Args& /*args*/) {
  return operation.name;
}

std::string_view profile_label(const Operation<LinearArgs>& operation, const LinearArgs& args) {
  switch (args.weight.format) {
    case numerics::WeightFormat::kF32: return "linear f32";
    case numerics::WeightFormat::kF16: return "linear f16";
    case numerics::WeightFormat::kBf16: return "linear bf16";
    case numerics::WeightFormat::kFp8: return "linear fp8";
    case numerics::WeightFormat::kNvfp4: return "linear nvfp4";
  }
  return operation.name;
}

template <typename Args>
void run(const Args& args, ThreadPool& pool) noexcept {
  const auto& operation = std::get<Operation<Args>>(kOperations);
  const ProfileScope scope([&] { return profile_label(operation, args); });
  const auto& implementations = operation.implementations;
  for (std::size_t isa = 0; isa < implementations.size(); ++isa) {
    if (implementations[isa] != nullptr && usable(isa)) return implementations[isa](args, pool);
  }
}

template <typename Args>
void append_rows(const Operation<Args>& operation, std::vector<KernelRow>& rows) {
  bool found = false;
  for (std::size_t isa = 0; isa < kIsas.size(); ++isa) {
    if (operation.implementations[isa] == nullptr) continue;
    KernelRow row{operation.name, kIsas[isa].name, kIsas[isa].detail(), kIsas[isa].why_not_here(), false};
    if (row.why_not.empty() && !usable(isa)) row.why_not = "a lower one is forced";
    if (row.why_not.empty() && found) row.why_not = "a better one stands above";
    row.chosen = row.why_not.empty();
    found = found || row.chosen;
    rows.push_back(std::move(row));
  }
}

// Allows kIsas[first] and what stands below it, as far as this machine runs it.
void allow_from(std::size_t first) {
  unsigned mask = 0;
  for (std::size_t isa = first; isa < kIsas.size(); ++isa) {
    if (kIsas[isa].why_not_here().empty()) mask |= 1U << isa;
  }
  usable_isas = mask;
}

}  // namespace

Status use_isa(std::string_view name) {
  if (name.empty()) {
    allow_from(0);
    return {};
  }
  const auto* const isa = std::ranges::find(kIsas, name, &Isa::name);
  if (isa == kIsas.end()) {
    return invalid_input(fmt::format("expected one of {}, found '{}'", fmt::join(isa_names(), ", "), name));
  }
  if (const std::string why_not = isa->why_not_here(); !why_not.empty()) {
    return fail(ErrorCode::kEnvironment, fmt::format("'{}' does not run on this machine: {}", name, why_not));
  }
  allow_from(static_cast<std::size_t>(isa - kIsas.begin()));
  return {};
}

Status use_isa_from_environment() {
  const char* name = std::getenv("NIBBLE_ISA");
  RETURN_IF_ERROR_IN("environment variable NIBBLE_ISA", use_isa(name == nullptr ? "" : name));
  return {};
}

std::vector<std::string_view> isa_names() {
  std::vector<std::string_view> names;
  for (const Isa& isa : kIsas) names.push_back(isa.name);
  return names;
}

std::vector<KernelRow> kernel_table() {
  std::vector<KernelRow> rows;
  std::apply([&rows](const auto&... operation) { (append_rows(operation, rows), ...); }, kOperations);
  return rows;
}

void linear(const LinearArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void rms_norm(const RmsNormArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void gated_rms_norm(const GatedRmsNormArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void rope(const RopeArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void causal_attention(const CausalAttentionArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void split_query_gate(const SplitQueryGateArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void sigmoid_gate(const SigmoidGateArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void swiglu(const SwigluArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void add(const AddArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void gated_add(const GatedAddArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void causal_conv_silu(const CausalConvSiluArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void l2_normalize(const L2NormalizeArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void delta_gates(const DeltaGatesArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void gated_delta_rule(const GatedDeltaRuleArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void moe_router(const MoeRouterArgs& args, ThreadPool& pool) noexcept { run(args, pool); }
void moe_experts(const MoeExpertsArgs& args, ThreadPool& pool) noexcept { run(args, pool); }

}  // namespace nibble::kernels
