// A TextModel whose logits are whatever a test says: for tests of those who use models.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "model/text_model.h"

namespace nibble::testing {

class FakeTextModel final : public model::TextModel {
 public:
  // logits_after(history, out): the logits [vocab_size] after the tokens of history, the last of which is the newest.
  using LogitsAfter = std::function<void(std::span<const model::TokenId>, std::span<float>)>;

  FakeTextModel(std::int64_t vocab_size, std::int64_t max_context, LogitsAfter logits_after)
      : logits_after_(std::move(logits_after)) {
    config_.vocab_size = vocab_size;
    config_.max_context = max_context;
  }

  const checkpoint::TextConfig& config() const override { return config_; }

  Result<std::unique_ptr<model::SequenceState>> new_state(std::int64_t capacity) const override {
    return std::make_unique<State>(capacity);
  }

  Status forward(std::span<const model::TokenId> tokens, model::SequenceState& state, model::LogitsOf wanted,
                 std::vector<float>& logits, model::LinearInputObserver*) const override {
    auto& history = static_cast<State&>(state).history;
    if (history.size() + tokens.size() > static_cast<std::size_t>(state.capacity())) {
      return invalid_input("fake: the state is full");
    }
    if (std::exchange(fail_next_, false)) {
      history.insert(history.end(), tokens.begin(), tokens.begin() + 1);  // as a pass that stopped halfway
      return fail(ErrorCode::kInterrupted, "fake: stopped");
    }
    computed_tokens_ += static_cast<std::int64_t>(tokens.size());
    logits.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      history.push_back(tokens[i]);
      if (wanted == model::LogitsOf::kAllTokens) append_logits(history, logits);
    }
    if (wanted == model::LogitsOf::kLastToken) append_logits(history, logits);
    return {};
  }

  // Tokens that went through forward() so far.
  std::int64_t computed_tokens() const { return computed_tokens_; }
  // The next forward() fails after it changed the state.
  void fail_next() { fail_next_ = true; }

 private:
  struct State final : model::SequenceState {
    explicit State(std::int64_t capacity) : limit(capacity) {}
    std::int64_t length() const override { return static_cast<std::int64_t>(history.size()); }
    std::int64_t capacity() const override { return limit; }
    std::uint64_t bytes() const override { return history.size() * sizeof(model::TokenId); }
    void reset() override { history.clear(); }
    Result<std::unique_ptr<model::SequenceState>> copy() const override { return std::make_unique<State>(*this); }

    std::int64_t limit;
    std::vector<model::TokenId> history;
  };

  void append_logits(const std::vector<model::TokenId>& history, std::vector<float>& logits) const {
    auto vocab = static_cast<std::size_t>(config_.vocab_size);
    logits.resize(logits.size() + vocab);
    logits_after_(history, std::span(logits).last(vocab));
  }

  checkpoint::TextConfig config_;
  LogitsAfter logits_after_;
  mutable std::int64_t computed_tokens_ = 0;
  mutable bool fail_next_ = false;
};

}  // namespace nibble::testing
