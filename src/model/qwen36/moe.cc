#include "model/qwen36/moe.h"

#include "kernels/ops/elementwise.h"
#include "kernels/ops/moe.h"

namespace nibble::model::qwen36 {
namespace {

// buffers.output ← Σ over the chosen experts
void run_routed_experts(const MoeWeights& weights, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  const std::vector<float>& input = pass.buffers.normed;
  Buffers::Moe& buffers = pass.buffers.moe;
  const std::int64_t chosen = pass.tokens * config.top_k;
  const bool observed = pass.observer != nullptr;

  pass.project(weights.router, input, buffers.logits);
  kernels::moe_router({.logits = buffers.logits.data(),
                       .expert_ids = buffers.expert_ids.data(),
                       .weights = buffers.weights.data(),
                       .tokens = pass.tokens,
                       .experts = config.experts,
                       .top_k = config.top_k},
                      pass.pool);
  pass.observe(weights.experts_name, input, pass.tokens, config.hidden_size);
  kernels::moe_experts({.experts = weights.experts,
                        .input = input.data(),
                        .expert_ids = buffers.expert_ids.data(),
                        .weights = buffers.weights.data(),
                        .activations = observed ? buffers.activations.data() : nullptr,
                        .output = pass.buffers.output.data(),
                        .tokens = pass.tokens,
                        .top_k = config.top_k,
                        .hidden = config.hidden_size,
                        .expert_width = config.expert_width},
                       pass.pool);
  if (observed) pass.observe(weights.experts_name + ".down_proj", buffers.activations, chosen, config.expert_width);
}

// buffers.output += σ(gate) · shared expert
void add_shared_expert(const MoeWeights& weights, const Pass& pass) {
  const checkpoint::TextConfig& config = pass.config;
  const std::vector<float>& input = pass.buffers.normed;
  Buffers::Moe& buffers = pass.buffers.moe;
  pass.project(weights.shared_gate_proj, input, buffers.shared_gate);
  pass.project(weights.shared_up_proj, input, buffers.shared_up);
  kernels::swiglu({.gate = buffers.shared_gate.data(),
                   .up = buffers.shared_up.data(),
                   .output = buffers.shared_gate.data(),
                   .count = pass.tokens * config.shared_expert_width},
                  pass.pool);
  pass.project(weights.shared_down_proj, buffers.shared_gate, buffers.shared_output);
  pass.project(weights.shared_expert_gate, input, buffers.shared_expert_gate);
  kernels::gated_add({.inout = pass.buffers.output.data(),
                      .addend = buffers.shared_output.data(),
                      .gate_logit = buffers.shared_expert_gate.data(),
                      .tokens = pass.tokens,
                      .width = config.hidden_size},
                     pass.pool);
}

}  // namespace

void run_moe(const MoeWeights& weights, const Pass& pass) {
  run_routed_experts(weights, pass);
  add_shared_expert(weights, pass);
}

}  // namespace nibble::model::qwen36
