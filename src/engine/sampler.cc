#include "engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace nibble::engine {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): every seed is good, one addition of state, the same on every platform.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31);
}

// Uniform in [0, 1): the upper 53 bits, as many as a double holds.
double next_uniform(std::uint64_t& state) { return static_cast<double>(next_random(state) >> 11) * 0x1.0p-53; }

Status require_range(const char* option, double value, double minimum, double maximum) {
  if (value >= minimum && value <= maximum) return {};
  return invalid_input(fmt::format("{}: expected a number from {} to {}, found {}", option, minimum, maximum, value));
}

}  // namespace

Status validate(const SamplingOptions& options) {
  RETURN_IF_ERROR(require_range("temperature", options.temperature, 0, 2));
  RETURN_IF_ERROR(require_range("top_p", options.top_p, 0, 1));
  if (options.top_p == 0) return invalid_input("top_p: expected a number above 0 and at most 1, found 0");
  RETURN_IF_ERROR(require_range("min_p", options.min_p, 0, 1));
  RETURN_IF_ERROR(require_range("presence_penalty", options.presence_penalty, -2, 2));
  if (options.top_k < 0) {
    return invalid_input(fmt::format("top_k: expected 0 (all tokens) or more, found {}", options.top_k));
  }
  return {};
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_state_(options.seed) {
  NIBBLE_CHECK(validate(options).has_value());
}

TokenId Sampler::sample(std::span<const float> logits, std::int64_t usable_vocab) {
  NIBBLE_CHECK(usable_vocab > 0 && !logits.empty());
  collect(logits.first(std::min(logits.size(), static_cast<std::size_t>(usable_vocab))));
  TokenId chosen = 0;
  if (options_.temperature == 0) {
    chosen = most_likely();
  } else {
    keep_top_k();
    scores_to_weights();
    keep_top_p();
    keep_min_p();
    chosen = draw();
  }
  generated_[static_cast<std::size_t>(chosen)] = true;
  return chosen;
}

void Sampler::collect(std::span<const float> logits) {
  if (generated_.size() < logits.size()) generated_.resize(logits.size());
  candidates_.clear();
  for (std::size_t id = 0; id < logits.size(); ++id) {
    double penalty = generated_[id] ? options_.presence_penalty : 0.0;
    candidates_.push_back({static_cast<double>(logits[id]) - penalty, static_cast<TokenId>(id)});
  }
}

TokenId Sampler::most_likely() const {
  return std::ranges::max_element(candidates_, {}, &Candidate::score)->id;  // the first of equals
}

// Leaves the candidates sorted, most likely first, where top_k or top_p needs that; else in order of id. Both orders
// are total, so that the draw does not depend on a library's sort.
void Sampler::keep_top_k() {
  auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  auto count = static_cast<std::int64_t>(candidates_.size());
  std::int64_t kept = options_.top_k == 0 ? count : std::min(options_.top_k, count);
  if (kept == count && options_.top_p == 1) return;
  std::ranges::partial_sort(candidates_, candidates_.begin() + kept, more_likely);
  candidates_.resize(static_cast<std::size_t>(kept));
}

void Sampler::scores_to_weights() {
  double highest = -std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates_) highest = std::max(highest, candidate.score);
  for (Candidate& candidate : candidates_) {
    candidate.score = std::exp((candidate.score - highest) / options_.temperature);
  }
}

// The shortest head of the sorted candidates that holds at least top_p of the probability.
void Sampler::keep_top_p() {
  if (options_.top_p == 1) return;
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.score;
  double held = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && held < options_.top_p * total) held += candidates_[kept++].score;
  candidates_.resize(kept);
}

// Weights are relative to the most likely token, whose weight is 1.
void Sampler::keep_min_p() {
  std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.score < options_.min_p; });
}

TokenId Sampler::draw() {
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.score;
  double left = next_uniform(random_state_) * total;
  for (const Candidate& candidate : candidates_) {
    left -= candidate.score;
    if (left < 0) return candidate.id;
  }
  // Rounding left a crumb at the end: it belongs to the last token that has any probability.
  auto last = std::ranges::find_if(candidates_.rbegin(), candidates_.rend(),
                                   [](const Candidate& candidate) { return candidate.score > 0; });
  return last->id;
}

}  // namespace nibble::engine
