// One conversation with one model: text in, streamed text out, the state kept between turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
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
};

// threads 0: all available processors.
Result<LoadedModel> load_model(const std::filesystem::path& folder, int threads = 0);

enum class FinishReason { kStopToken, kLength, kContextFull };

struct GenerationResult {
  std::string text;  // special tokens removed, as streamed
  std::vector<TokenId> tokens;
  FinishReason finish = FinishReason::kStopToken;
  std::int64_t prompt_tokens = 0;  // of which reused_tokens were already in the state
  std::int64_t reused_tokens = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

class Session {
 public:
  static Result<Session> create(const LoadedModel& model, std::int64_t context);

  // Continues prompt (already rendered) by at most max_new_tokens. Where prompt begins with the tokens this session
  // already holds, only the rest is computed. on_text gets whole characters as soon as they are known.
  Result<GenerationResult> generate(std::string_view prompt, const SamplingOptions& sampling,
                                    std::int64_t max_new_tokens, const std::function<void(std::string_view)>& on_text);

 private:
  Session(const LoadedModel& model, std::unique_ptr<model::SequenceState> state);

  const LoadedModel* model_;
  std::unique_ptr<model::SequenceState> state_;
  std::vector<TokenId> held_;  // the tokens in state_
};

}  // namespace nibble::engine
