// Gated full attention (architecture §3.2).
#pragma once

#include "model/qwen36/pass.h"
#include "model/qwen36/state.h"
#include "model/qwen36/weights.h"

namespace nibble::model::qwen36 {

// buffers.normed -> buffers.output, both [tokens, hidden]; appends the chunk's keys and values to the cache.
void run_attention(const AttentionWeights& weights, KvCache& cache, const Pass& pass);

}  // namespace nibble::model::qwen36
