// The weights of a Qwen3.6 mixture-of-experts model, bound where they lie in the checkpoint (architecture §2).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "kernels/ops/moe.h"
#include "numerics/matrix_view.h"

namespace nibble::model::qwen36 {

// One linear layer. The name is the module's in the checkpoint, for the observer of its inputs.
struct Linear {
  std::string name;
  numerics::MatrixView weight;  // [rows, cols]
};

// Norm weights are plain multipliers here: where the checkpoint stores w of (1 + w), the 1 is added (architecture §3).
struct AttentionWeights {
  Linear q_proj;              // [heads * 2 * head_dim, hidden]: per head first query rows, then gate rows
  Linear k_proj, v_proj;      // [kv_heads * head_dim, hidden]
  Linear o_proj;              // [hidden, heads * head_dim]
  std::vector<float> q_norm;  // [head_dim]
  std::vector<float> k_norm;  // [head_dim]
};

struct DeltaNetWeights {
  Linear in_proj_qkv;           // [channels, hidden]: q, k, v one after the other
  Linear in_proj_z;             // [value_heads * value_dim, hidden]
  Linear in_proj_a, in_proj_b;  // [value_heads, hidden]
  Linear out_proj;              // [hidden, value_heads * value_dim]
  std::vector<float> conv;      // [kernel, channels]: taps outermost, as the kernel wants them
  std::vector<float> a_log;     // [value_heads]
  std::vector<float> dt_bias;   // [value_heads]
  std::vector<float> norm;      // [value_dim], shared by all heads; the one norm that is not zero-centred
};

struct MoeWeights {
  Linear router;  // [experts, hidden]
  std::string experts_name;
  std::vector<kernels::ExpertWeights> experts;
  Linear shared_gate_proj, shared_up_proj;  // [shared_width, hidden]
  Linear shared_down_proj;                  // [hidden, shared_width]
  Linear shared_expert_gate;                // [1, hidden]
};

struct LayerWeights {
  std::vector<float> input_norm;           // [hidden]
  std::vector<float> post_attention_norm;  // [hidden]
  std::variant<AttentionWeights, DeltaNetWeights> mixer;
  MoeWeights moe;
};

struct Weights {
  numerics::MatrixView embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  Linear lm_head;                 // [vocab, hidden]; the embedding where the configuration ties them
};

// Binds the embedding, the first `layers` layers and the head of the text model, every tensor with the shape that the
// configuration demands. The MTP layer is not run yet: it
// may be absent, but where it is present it must be whole, so that a damaged file does not pass for a good one.
Result<Weights> bind_weights(const checkpoint::Checkpoint& checkpoint, std::int64_t layers);

}  // namespace nibble::model::qwen36
