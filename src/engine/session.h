// One conversation with one model: text in, streamed text out, the state kept between turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "engine/sampler.h"
#include "model/text_model.h"
#include "text/tokenizer.h"

namespace nibble::engine {

// A checkpoint with all that is needed to talk to it. Members are declared in order of dependence.
struct LoadedModel {
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<model::TextModel> model;
  text::Tokenizer tokenizer;
  checkpoint::GenerationConfig generation;
};

// threads 0: all available processors.
Result<LoadedModel> load_model(const std::filesystem::path& folder, int threads = 0);

// An error where a logit is NaN or infinite: then the weights are damaged, and whatever is made of them is wrong.
Status check_logits(std::span<const float> logits);

enum class FinishReason { kStopToken, kLength, kContextFull };

struct GenerationResult {
  std::string text;             // special tokens removed, as streamed
  std::vector<TokenId> tokens;  // without the stop token
  FinishReason finish = FinishReason::kStopToken;
  std::int64_t prompt_tokens = 0;  // of which reused_tokens were already in the state
  std::int64_t reused_tokens = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

// Gets whole characters as soon as they are known. An error it returns stops the generation.
using TextSink = std::function<Status(std::string_view)>;

class Session {
 public:
  // model must outlive the session. context: the tokens of prompt and reply together, at most the model's own.
  static Result<Session> create(const LoadedModel& model, std::int64_t context);

  // Continues prompt (already rendered) by at most max_new_tokens. Where prompt begins with the tokens this session
  // already holds, only the rest is computed; otherwise all of it, because a recurrent state cannot be cut back.
  // Errors: an empty prompt, one longer than the context, kInterrupted (what was known until then was streamed). After
  // an error the session holds nothing and can be used again.
  Result<GenerationResult> generate(std::string_view prompt, const SamplingOptions& sampling,
                                    std::int64_t max_new_tokens, const TextSink& on_text);

 private:
  Session(const LoadedModel& model, std::unique_ptr<model::SequenceState> state);

  Status prefill(std::span<const TokenId> prompt, GenerationResult& result);
  Status decode(Sampler& sampler, std::int64_t max_new_tokens, const TextSink& on_text, GenerationResult& result);
  Status append(std::span<const TokenId> tokens, model::LogitsOf wanted);
  bool is_stop_token(TokenId id) const;

  const LoadedModel* model_;
  std::unique_ptr<model::SequenceState> state_;
  std::vector<TokenId> held_;  // the tokens in state_
  std::vector<float> logits_;  // of the token after held_, [vocab_size]
};

}  // namespace nibble::engine
