// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
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

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);
  // logits [vocab]; ids >= usable_vocab (padding rows of the head) are never chosen. Ties go to the lower id.
  TokenId sample(std::span<const float> logits, std::int64_t usable_vocab);

 private:
  SamplingOptions options_;
  std::uint64_t state_;  // of the random number generator
  std::vector<bool> generated_;
  std::vector<std::pair<float, TokenId>> candidates_;
};

}  // namespace nibble::engine
