// Mixture of experts with a shared expert (architecture §3.6).
#pragma once

#include "model/qwen36/pass.h"
#include "model/qwen36/weights.h"

namespace nibble::model::qwen36 {

// buffers.normed -> buffers.output, both [tokens, hidden].
void run_moe(const MoeWeights& weights, const Pass& pass);

}  // namespace nibble::model::qwen36
