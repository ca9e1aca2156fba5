// Which tensors a Qwen3.5-MoE checkpoint has, from its configuration alone.
#pragma once

#include <vector>

#include "checkpoint/model_config.h"
#include "checkpoint/safetensors_header.h"

namespace nibble::checkpoint {

// Every tensor of the unquantized checkpoint, all BF16, experts fused (architecture §2), in the order of the official
// shards: vision tower, embeddings, layers, final norm, lm_head, MTP. The configuration decides what is there: no
// vision_config, mtp_layers 0 and tied embeddings leave their tensors out.
std::vector<PlannedTensor> tensor_inventory(const ModelConfig& config);

}  // namespace nibble::checkpoint
