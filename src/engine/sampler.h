// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace nibble::engine {

using TokenId = std::int32_t;

struct SamplingOptions {
  double temperature = 1.0;  // 0: greedy
  std::int64_t top_k = 0;    // 0: all
  double top_p = 1.0;
  double min_p = 0.0;
  double presence_penalty = 0.0;  // OpenAI's: subtracted once from the logit of every token already generated
  std::uint64_t seed = 0;
};

// The ranges OpenAI's and vLLM's APIs allow; the error names the option.
Status validate(const SamplingOptions& options);

// Applies the options in the order of Hugging Face's logits processors: presence penalty, temperature, top_k, top_p,
// min_p; then draws from what is left. The same logits, options and seed give the same tokens on every platform.
class Sampler {
 public:
  // options must be valid.
  explicit Sampler(const SamplingOptions& options);
  // logits [vocab], all finite; ids >= usable_vocab (padding rows of the head) are never chosen. Ties go to the lower
  // id.
  TokenId sample(std::span<const float> logits, std::int64_t usable_vocab);

 private:
  struct Candidate {
    double score;  // logit after the penalty; its weight exp((score - max) / temperature) once those are known
    TokenId id;
  };

  void collect(std::span<const float> logits);
  TokenId most_likely() const;
  void keep_top_k();
  void scores_to_weights();
  void keep_top_p();
  void keep_min_p();
  TokenId draw();

  SamplingOptions options_;
  std::uint64_t random_state_;
  std::vector<bool> generated_;
  std::vector<Candidate> candidates_;
};

}  // namespace nibble::engine
