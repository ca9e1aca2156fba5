// What the blocks of one forward pass share: the chunk of tokens in flight and the buffers that it moves through.
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/model_config.h"
#include "kernels/rope_tables.h"
#include "model/qwen36/weights.h"
#include "model/text_model.h"

namespace nibble::model::qwen36 {

// Buffers for up to `tokens` tokens, made once a call and used by every layer: nothing is allocated once layers run.
struct Buffers {
  Buffers(const checkpoint::TextConfig& config, std::int64_t tokens, bool observed);

  std::vector<float> residual;                   // x [tokens, hidden]
  std::vector<float> normed;                     // [tokens, hidden], the input of a block
  std::vector<float> output;                     // [tokens, hidden], of a block
  std::vector<kernels::RopePosition> positions;  // [tokens]
  std::vector<float> cos, sin;                   // [tokens, rotary_dim / 2]

  struct Attention {
    std::vector<float> projected;       // [tokens, heads, 2 * head_dim]
    std::vector<float> queries, gates;  // [tokens, heads, head_dim]
    std::vector<float> attended;        // [tokens, heads, head_dim]
  } attention;

  struct DeltaNet {
    std::vector<float> projected, convolved;  // [tokens, channels]
    std::vector<float> z, output;             // [tokens, value_heads, value_dim]
    std::vector<float> decay, beta;           // [tokens, value_heads]
  } delta_net;

  struct Moe {
    std::vector<float> logits;                  // [tokens, experts]
    std::vector<std::int32_t> expert_ids;       // [tokens, top_k]
    std::vector<float> weights;                 // [tokens, top_k]
    std::vector<float> activations;             // [tokens, top_k, expert_width] where observed, else empty
    std::vector<float> shared_gate, shared_up;  // [tokens, shared_width]
    std::vector<float> shared_output;           // [tokens, hidden]
    std::vector<float> shared_expert_gate;      // [tokens]
  } moe;
};

// One chunk of tokens on its way through the layers.
struct Pass {
  const checkpoint::TextConfig& config;
  ThreadPool& pool;
  LinearInputObserver* observer;  // or nullptr
  Buffers& buffers;
  std::int64_t tokens;
  std::int64_t first_position;  // of the chunk in its sequence

  // input [tokens, cols] -> output [tokens, rows]; the observer sees the input.
  void project(const Linear& linear, const std::vector<float>& input, float* output) const;
  void project(const Linear& linear, const std::vector<float>& input, std::vector<float>& output) const {
    project(linear, input, output.data());
  }
  void observe(std::string_view module, const std::vector<float>& input, std::int64_t rows, std::int64_t cols) const;
};

}  // namespace nibble::model::qwen36
