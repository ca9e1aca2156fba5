// Gated DeltaNet, the linear-attention layer (architecture §3.4, §3.5).
#pragma once

#include "model/qwen36/pass.h"
#include "model/qwen36/state.h"
#include "model/qwen36/weights.h"

namespace nibble::model::qwen36 {

// buffers.normed -> buffers.output, both [tokens, hidden]; the state moves on by the chunk.
void run_delta_net(const DeltaNetWeights& weights, DeltaNetState& state, const Pass& pass);

}  // namespace nibble::model::qwen36
