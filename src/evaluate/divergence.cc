#include "evaluate/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "engine/session.h"

namespace nibble::evaluate {
namespace {

using model::TokenId;

// Logits are asked for in pieces of this many tokens: 64 rows of the 248,320-entry vocabulary are 64 MB a model.
constexpr std::size_t kScoredAtOnce = 64;

// llama.cpp leaves out of the divergence every token that the reference gives less than exp(-16); its file of base
// logits cannot hold smaller ones. Kept, so that numbers compare with those that people publish.
constexpr double kLeastLogProbability = -16;

constexpr std::int64_t kShortestChunk = 8;

// One model on its way through a chunk, and the logits of the piece just computed.
struct Reader {
  const model::TextModel* model = nullptr;
  std::unique_ptr<model::SequenceState> state;
  std::vector<float> logits;  // [piece, vocab_size]

  static Result<Reader> open(const model::TextModel& model, std::int64_t chunk_tokens) {
    if (chunk_tokens > model.config().max_context) {
      return invalid_input(fmt::format("chunks of {} tokens, but the model's context holds {}; ask for shorter ones",
                                       chunk_tokens, model.config().max_context));
    }
    ASSIGN_OR_RETURN(auto state, model.new_state(chunk_tokens));
    return Reader{&model, std::move(state), {}};
  }

  Status start(std::span<const TokenId> unscored) {
    state->reset();
    return model->forward(unscored, *state, model::LogitsOf::kNone, logits);
  }

  Status read(std::span<const TokenId> tokens) {
    RETURN_IF_ERROR(model->forward(tokens, *state, model::LogitsOf::kAllTokens, logits));
    return engine::check_logits(logits);
  }

  std::span<const float> row(std::size_t index) const {
    auto vocab = static_cast<std::size_t>(model->config().vocab_size);
    return std::span(logits).subspan(index * vocab, vocab);
  }
};

// ln of the sum of exp(logit): what turns a logit into a log-probability.
double log_sum_exp(std::span<const float> logits) {
  double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

struct Predictions {
  explicit Predictions(std::span<const float> row)
      : logits(row), normalizer(log_sum_exp(row)), top(std::ranges::max_element(row) - row.begin()) {}

  double log_probability(std::size_t id) const { return static_cast<double>(logits[id]) - normalizer; }

  std::span<const float> logits;
  double normalizer;
  std::ptrdiff_t top;  // the lowest id of the most likely
};

// KL(reference || candidate) in nats.
double divergence(const Predictions& reference, const Predictions& candidate) {
  double sum = 0;
  for (std::size_t id = 0; id < reference.logits.size(); ++id) {
    double log_p = reference.log_probability(id);
    if (log_p > kLeastLogProbability) sum += std::exp(log_p) * (log_p - candidate.log_probability(id));
  }
  return sum;
}

// What was seen of each scored token; the vectors of one report are equally long.
struct Scores {
  std::vector<double> candidate_nll;
  std::vector<double> reference_nll;
  std::vector<double> log_ratio;  // candidate_nll - reference_nll
  std::vector<double> kld;
  std::vector<double> delta_p;
  std::size_t same_top = 0;

  void add(TokenId truth, const Predictions& candidate) {
    candidate_nll.push_back(-candidate.log_probability(static_cast<std::size_t>(truth)));
  }

  void add_pair(TokenId truth, const Predictions& reference, const Predictions& candidate) {
    add(truth, candidate);
    reference_nll.push_back(-reference.log_probability(static_cast<std::size_t>(truth)));
    log_ratio.push_back(candidate_nll.back() - reference_nll.back());
    kld.push_back(divergence(reference, candidate));
    delta_p.push_back(std::exp(-candidate_nll.back()) - std::exp(-reference_nll.back()));
    same_top += reference.top == candidate.top ? 1 : 0;
  }
};

Status score_chunk(Reader* reference, Reader& candidate, std::span<const TokenId> chunk, Scores& scores) {
  // The logits after token i predict token i + 1; those after the last token predict nothing that is known.
  std::size_t first = chunk.size() / 2;
  if (reference) RETURN_IF_ERROR_IN("reference", reference->start(chunk.first(first)));
  RETURN_IF_ERROR(candidate.start(chunk.first(first)));
  for (std::size_t begin = first; begin + 1 < chunk.size(); begin += kScoredAtOnce) {
    std::span<const TokenId> piece = chunk.subspan(begin, std::min(kScoredAtOnce, chunk.size() - 1 - begin));
    if (reference) RETURN_IF_ERROR_IN("reference", reference->read(piece));
    RETURN_IF_ERROR(candidate.read(piece));
    for (std::size_t i = 0; i < piece.size(); ++i) {
      TokenId truth = chunk[begin + i + 1];
      Predictions predicted(candidate.row(i));
      if (reference) {
        scores.add_pair(truth, Predictions(reference->row(i)), predicted);
      } else {
        scores.add(truth, predicted);
      }
    }
  }
  return {};
}

DivergenceReport summarize(Scores scores, std::int64_t chunks) {
  DivergenceReport report;
  report.chunks = chunks;
  report.scored_tokens = static_cast<std::int64_t>(scores.candidate_nll.size());
  report.perplexity = exp_of_mean(scores.candidate_nll);
  if (scores.reference_nll.empty()) return report;
  report.reference_perplexity = exp_of_mean(scores.reference_nll);
  // The error of a mean of differences is llama.cpp's var(a) + var(b) - 2 cov(a, b).
  report.log_perplexity_ratio = mean(scores.log_ratio);
  report.log_perplexity_correlation = correlation(scores.candidate_nll, scores.reference_nll);
  report.mean_kld = mean(scores.kld);
  std::ranges::sort(scores.kld);
  report.kld_median = percentile(scores.kld, 0.5);
  report.kld_p90 = percentile(scores.kld, 0.9);
  report.kld_p95 = percentile(scores.kld, 0.95);
  report.kld_p99 = percentile(scores.kld, 0.99);
  report.kld_p999 = percentile(scores.kld, 0.999);
  report.kld_max = scores.kld.back();
  report.mean_delta_p = mean(scores.delta_p);
  report.rms_delta_p = root_mean_square(scores.delta_p);
  report.same_top = fraction(scores.same_top, scores.kld.size());
  return report;
}

Result<std::int64_t> chunks_to_score(std::int64_t tokens, const DivergenceOptions& options) {
  if (options.chunk_tokens < kShortestChunk) {
    return invalid_input(
        fmt::format("chunks of {} tokens: expected at least {}", options.chunk_tokens, kShortestChunk));
  }
  std::int64_t whole = tokens / options.chunk_tokens;
  if (whole == 0) {
    return invalid_input(
        fmt::format("the text has {} tokens, fewer than one chunk of {}; use a longer text or shorter "
                    "chunks",
                    tokens, options.chunk_tokens));
  }
  return options.max_chunks > 0 ? std::min(options.max_chunks, whole) : whole;
}

Status check_tokens(std::span<const TokenId> tokens, std::int64_t vocab_size) {
  auto wrong = std::ranges::find_if(tokens, [&](TokenId id) { return id < 0 || id >= vocab_size; });
  if (wrong == tokens.end()) return {};
  return invalid_input(fmt::format("token {} of the text is {}, the model's vocabulary has {} entries",
                                   wrong - tokens.begin(), *wrong, vocab_size));
}

Status check_same_vocabulary(const model::TextModel& reference, const model::TextModel& candidate) {
  std::int64_t expected = reference.config().vocab_size;
  std::int64_t found = candidate.config().vocab_size;
  if (expected == found) return {};
  return invalid_input(fmt::format(
      "the models have vocabularies of {} and {} entries: their predictions cannot be compared", found, expected));
}

}  // namespace

Result<DivergenceReport> measure_divergence(const model::TextModel* reference, const model::TextModel& candidate,
                                            std::span<const TokenId> tokens, const DivergenceOptions& options) {
  ASSIGN_OR_RETURN(std::int64_t chunks, chunks_to_score(static_cast<std::int64_t>(tokens.size()), options));
  RETURN_IF_ERROR(check_tokens(tokens, candidate.config().vocab_size));
  if (reference) RETURN_IF_ERROR(check_same_vocabulary(*reference, candidate));
  Reader reference_reader;
  if (reference) {
    ASSIGN_OR_RETURN_IN("reference", reference_reader, Reader::open(*reference, options.chunk_tokens));
  }
  ASSIGN_OR_RETURN(Reader candidate_reader, Reader::open(candidate, options.chunk_tokens));

  Scores scores;
  auto chunk_tokens = static_cast<std::size_t>(options.chunk_tokens);
  Progress progress("evaluating", static_cast<std::uint64_t>(chunks), "chunks");
  for (std::size_t chunk = 0; std::cmp_less(chunk, chunks); ++chunk) {
    RETURN_IF_ERROR_IN(fmt::format("chunk {}", chunk),
                       score_chunk(reference ? &reference_reader : nullptr, candidate_reader,
                                   tokens.subspan(chunk * chunk_tokens, chunk_tokens), scores));
    progress.advance(1);
  }
  return summarize(std::move(scores), chunks);
}

}  // namespace nibble::evaluate
