#include "model/qwen36/pass.h"

#include <span>

#include "kernels/ops/linear.h"

namespace nibble::model::qwen36 {
namespace {

std::vector<float> floats(std::int64_t rows, std::int64_t cols) {
  return std::vector<float>(static_cast<std::size_t>(rows * cols));
}

}  // namespace

Buffers::Buffers(const checkpoint::TextConfig& config, std::int64_t tokens, bool observed)
    : residual(floats(tokens, config.hidden_size)),
      normed(residual),
      output(residual),
      positions(static_cast<std::size_t>(tokens)),
      cos(floats(tokens, config.rotary_dim() / 2)),
      sin(cos) {
  attention.projected = floats(tokens, 2 * config.heads * config.head_dim);
  attention.queries = floats(tokens, config.heads * config.head_dim);
  attention.gates = attention.queries;
  attention.attended = attention.queries;

  delta_net.projected = floats(tokens, config.conv_channels());
  delta_net.convolved = delta_net.projected;
  delta_net.z = floats(tokens, config.linear_value_heads * config.linear_value_dim);
  delta_net.output = delta_net.z;
  delta_net.decay = floats(tokens, config.linear_value_heads);
  delta_net.beta = delta_net.decay;

  moe.logits = floats(tokens, config.experts);
  moe.expert_ids.resize(static_cast<std::size_t>(tokens * config.top_k));
  moe.weights = floats(tokens, config.top_k);
  if (observed) moe.activations = floats(tokens * config.top_k, config.expert_width);
  moe.shared_gate = floats(tokens, config.shared_expert_width);
  moe.shared_up = moe.shared_gate;
  moe.shared_output = floats(tokens, config.hidden_size);
  moe.shared_expert_gate = floats(tokens, 1);
}

void Pass::project(const Linear& linear, const std::vector<float>& input, float* output) const {
  observe(linear.name, input, tokens, linear.weight.cols);
  kernels::linear({.weight = linear.weight, .input = input.data(), .output = output, .tokens = tokens}, pool);
}

void Pass::observe(std::string_view module, const std::vector<float>& input, std::int64_t rows,
                   std::int64_t cols) const {
  if (observer == nullptr) return;
  observer->observe(module, std::span(input).first(static_cast<std::size_t>(rows * cols)), cols);
}

}  // namespace nibble::model::qwen36
