// How far one model's predictions are from another's: llama.cpp's definitions (quantization §C.1), computed in one pass
// over both models with no logits on disk.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "evaluate/statistics.h"
#include "model/text_model.h"

namespace nibble::evaluate {

struct DivergenceReport {
  std::int64_t chunks = 0;
  std::int64_t scored_tokens = 0;
  Estimate perplexity;            // of the candidate
  Estimate reference_perplexity;  // this and the rest only where a reference was given
  Estimate log_perplexity_ratio;  // ln(PPL candidate / PPL reference), paired
  double log_perplexity_correlation = 0;
  Estimate mean_kld;  // nats, KL(reference || candidate)
  double kld_median = 0, kld_p90 = 0, kld_p95 = 0, kld_p99 = 0, kld_p999 = 0, kld_max = 0;
  Estimate mean_delta_p;  // p_candidate(x_t) - p_reference(x_t) of the true next token
  Estimate rms_delta_p;
  Estimate same_top;  // fraction of tokens whose most likely token is the same
};

struct DivergenceOptions {
  std::int64_t chunk_tokens = 512;  // at least 8; the second half of each chunk is scored
  std::int64_t max_chunks = 0;      // 0: all whole chunks of the text
};

// Each chunk is a sequence of its own, without a token put before it; the tokens at chunk_tokens/2 + 1 … chunk_tokens -
// 1 are scored, each given all before it in the chunk. reference may be null: then only the candidate's perplexity is
// computed. Errors: fewer tokens than one chunk, a chunk longer than a model's context, vocabularies of different
// sizes, logits that are not finite, interruption. Shows a progress line.
Result<DivergenceReport> measure_divergence(const model::TextModel* reference, const model::TextModel& candidate,
                                            std::span<const model::TokenId> tokens, const DivergenceOptions& options);

}  // namespace nibble::evaluate
