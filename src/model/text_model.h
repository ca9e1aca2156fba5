// A language model as its users see it: token ids in, logits out, with a state that carries the sequence.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"

namespace nibble::model {

using TokenId = std::int32_t;

// Everything a sequence remembers: KV cache, convolution and recurrent state. Belongs to the model that made it.
class SequenceState {
 public:
  virtual ~SequenceState() = default;
  virtual std::int64_t length() const = 0;    // tokens seen
  virtual std::int64_t capacity() const = 0;  // tokens that fit
  virtual std::uint64_t bytes() const = 0;    // memory held at full capacity
  virtual void reset() = 0;                   // as new
  // Another sequence that has seen the same tokens, of the same capacity. Errors: memory.
  virtual Result<std::unique_ptr<SequenceState>> copy() const = 0;
};

enum class LogitsOf { kLastToken, kAllTokens, kNone };

// Sees the input of every linear layer while a forward pass runs: calibration. module is the name in the checkpoint,
// without ".weight". For experts, "….mlp.experts" stands for the input of gate and up, "….mlp.experts.down_proj" for
// the input of down: all experts at once. Long prompts come in several chunks, each with its own calls. lm_head sees
// the tokens whose logits are wanted.
class LinearInputObserver {
 public:
  virtual ~LinearInputObserver() = default;
  // input [tokens, cols]
  virtual void observe(std::string_view module, std::span<const float> input, std::int64_t cols) = 0;
};

class TextModel {
 public:
  virtual ~TextModel() = default;

  virtual const checkpoint::TextConfig& config() const = 0;
  // An empty sequence that can grow to `capacity` tokens. Errors: a capacity below 1 or beyond the model's context,
  // memory.
  virtual Result<std::unique_ptr<SequenceState>> new_state(std::int64_t capacity) const = 0;

  // Appends tokens to the sequence. logits becomes [1 or tokens or 0, vocab_size] float32, row-major. Any split of the
  // same tokens into calls gives the same logits up to rounding. Errors that leave the state as it was: no tokens, an
  // id out of range, the state's capacity exceeded, a state of another model, memory. Interruption resets the state,
  // because a recurrent state that has moved on cannot go back.
  virtual Status forward(std::span<const TokenId> tokens, SequenceState& state, LogitsOf wanted,
                         std::vector<float>& logits, LinearInputObserver* observer = nullptr) const = 0;
};

struct LoadOptions {
  // Only the first so many layers, then the head: a slice of a model, to measure what does not fit. 0: all.
  std::int64_t layers = 0;
};

// Binds the checkpoint's weights in place: both must outlive the model. Errors: kUnsupported for an architecture nibble
// does not know; more layers than there are.
Result<std::unique_ptr<TextModel>> load_text_model(const checkpoint::Checkpoint& checkpoint, ThreadPool& pool,
                                                   const LoadOptions& options = {});

}  // namespace nibble::model
