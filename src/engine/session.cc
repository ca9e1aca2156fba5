#include "engine/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/interrupt.h"
#include "base/progress.h"

namespace nibble::engine {
namespace {

// Prompts are computed in pieces of this many tokens: activations stay small and the progress line moves.
constexpr std::size_t kPrefillTokens = 512;

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Text of sampled tokens, sent on and kept.
class TextStream {
 public:
  TextStream(const text::Tokenizer& tokenizer, const TextSink& sink, std::string& whole)
      : decoder_(tokenizer, /*skip_special=*/true), sink_(&sink), whole_(&whole) {}

  Status push(TokenId id) { return send(decoder_.push(id)); }
  Status finish() { return send(decoder_.finish()); }

 private:
  Status send(const std::string& text) {
    if (text.empty()) return {};
    *whole_ += text;
    return (*sink_)(text);
  }

  text::StreamDecoder decoder_;
  const TextSink* sink_;
  std::string* whole_;
};

}  // namespace

Result<LoadedModel> load_model(const std::filesystem::path& folder, int threads) {
  auto pool = std::make_unique<ThreadPool>(threads > 0 ? threads : available_processors());
  ASSIGN_OR_RETURN(checkpoint::Checkpoint opened, checkpoint::Checkpoint::open(folder));
  auto checkpoint = std::make_unique<checkpoint::Checkpoint>(std::move(opened));
  ASSIGN_OR_RETURN(auto model, model::load_text_model(*checkpoint, *pool));
  ASSIGN_OR_RETURN(auto tokenizer, text::Tokenizer::read(folder));
  if (tokenizer.vocab_size() > model->config().vocab_size) {
    return invalid_input(fmt::format(
        "'{}': tokenizer.json has ids up to {}, config.json a vocab_size of {}: the files are not of the same model",
        folder.string(), tokenizer.vocab_size() - 1, model->config().vocab_size));
  }
  checkpoint::GenerationConfig generation = checkpoint->config().generation;
  return LoadedModel{std::move(pool), std::move(checkpoint), std::move(model), std::move(tokenizer),
                     std::move(generation)};
}

Status check_logits(std::span<const float> logits) {
  if (std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); })) return {};
  return invalid_input(
      "the model computed logits that are not finite numbers: its weights are damaged; copy the checkpoint again");
}

Result<Session> Session::create(const LoadedModel& model, std::int64_t context) {
  std::int64_t longest = model.model->config().max_context;
  if (context < 1 || context > longest) {
    return invalid_input(
        fmt::format("a context of {} tokens: expected 1 to {}, what the model was made for", context, longest));
  }
  ASSIGN_OR_RETURN(auto state, model.model->new_state(context));
  return Session(model, std::move(state));
}

Session::Session(const LoadedModel& model, std::unique_ptr<model::SequenceState> state)
    : model_(&model), state_(std::move(state)) {}

Result<GenerationResult> Session::generate(std::string_view prompt, const SamplingOptions& sampling,
                                           std::int64_t max_new_tokens, const TextSink& on_text) {
  RETURN_IF_ERROR(validate(sampling));
  ASSIGN_OR_RETURN(std::vector<TokenId> tokens, model_->tokenizer.encode(prompt));
  if (tokens.empty()) return invalid_input("the prompt is empty: the model needs at least one token to continue");
  if (std::cmp_greater(tokens.size(), state_->capacity())) {
    return invalid_input(
        fmt::format("the prompt has {} tokens, the context holds {}: shorten the prompt or ask for a larger context",
                    tokens.size(), state_->capacity()));
  }
  GenerationResult result;
  Sampler sampler(sampling);
  Status status = prefill(tokens, result);
  if (status) status = decode(sampler, max_new_tokens, on_text, result);
  if (!status) {
    // A forward pass that stopped halfway leaves a state that is no sequence's.
    state_->reset();
    held_.clear();
    return std::unexpected(std::move(status).error());
  }
  return result;
}

Status Session::prefill(std::span<const TokenId> prompt, GenerationResult& result) {
  Stopwatch watch;
  // At least one token must be left to compute, for the logits after it.
  bool continues = held_.size() < prompt.size() && std::equal(held_.begin(), held_.end(), prompt.begin());
  if (!continues) {
    state_->reset();
    held_.clear();
  }
  result.prompt_tokens = static_cast<std::int64_t>(prompt.size());
  result.reused_tokens = static_cast<std::int64_t>(held_.size());

  std::span<const TokenId> rest = prompt.subspan(held_.size());
  Progress progress("reading the prompt", rest.size(), "tokens");
  while (rest.size() > kPrefillTokens) {
    RETURN_IF_ERROR(append(rest.first(kPrefillTokens), model::LogitsOf::kNone));
    rest = rest.subspan(kPrefillTokens);
    progress.advance(kPrefillTokens);
  }
  RETURN_IF_ERROR(append(rest, model::LogitsOf::kLastToken));
  result.prefill_seconds = watch.seconds();
  return {};
}

Status Session::decode(Sampler& sampler, std::int64_t max_new_tokens, const TextSink& on_text,
                       GenerationResult& result) {
  Stopwatch watch;
  TextStream stream(model_->tokenizer, on_text, result.text);
  result.finish = FinishReason::kLength;
  while (std::cmp_less(result.tokens.size(), max_new_tokens)) {
    RETURN_IF_ERROR(check_interrupt());
    RETURN_IF_ERROR(check_logits(logits_));
    TokenId next = sampler.sample(logits_, model_->tokenizer.vocab_size());
    if (is_stop_token(next)) {
      result.finish = FinishReason::kStopToken;
      break;
    }
    result.tokens.push_back(next);
    RETURN_IF_ERROR(stream.push(next));
    if (std::cmp_equal(result.tokens.size(), max_new_tokens)) break;
    if (state_->length() == state_->capacity()) {
      result.finish = FinishReason::kContextFull;
      break;
    }
    RETURN_IF_ERROR(append({&next, 1}, model::LogitsOf::kLastToken));
  }
  result.decode_seconds = watch.seconds();
  return stream.finish();
}

Status Session::append(std::span<const TokenId> tokens, model::LogitsOf wanted) {
  RETURN_IF_ERROR(check_interrupt());
  RETURN_IF_ERROR(model_->model->forward(tokens, *state_, wanted, logits_));
  held_.insert(held_.end(), tokens.begin(), tokens.end());
  return {};
}

bool Session::is_stop_token(TokenId id) const {
  return std::ranges::find(model_->generation.eos_token_ids, id) != model_->generation.eos_token_ids.end();
}

}  // namespace nibble::engine
