// What a sequence remembers in each layer (architecture §4).
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "model/text_model.h"

namespace nibble::model::qwen36 {

// Keys after norm and rope, and raw values, one row for each token of the sequence.
struct KvCache {
  std::unique_ptr<float[]> keys;    // [capacity, kv_heads * head_dim]; rows past the length are not initialised
  std::unique_ptr<float[]> values;  // [capacity, kv_heads * head_dim]
};

struct DeltaNetState {
  std::vector<float> conv;       // [kernel - 1, channels]: the last raw projections, oldest first
  std::vector<float> recurrent;  // [value_heads, key_dim, value_dim]
};

class State final : public SequenceState {
 public:
  // owner: the model, known by its address; forward() refuses the states of others. kEnvironment where memory is short.
  static Result<std::unique_ptr<State>> create(const TextModel* owner, const checkpoint::TextConfig& config,
                                               std::int64_t capacity);

  std::int64_t length() const override { return length_; }
  std::int64_t capacity() const override { return capacity_; }
  std::uint64_t bytes() const override { return bytes_; }
  void reset() override;
  Result<std::unique_ptr<SequenceState>> copy() const override;

  const TextModel* owner() const { return owner_; }
  KvCache& kv_cache(std::size_t layer) { return std::get<KvCache>(layers_[layer]); }
  DeltaNetState& delta_net(std::size_t layer) { return std::get<DeltaNetState>(layers_[layer]); }
  // After all layers have seen `tokens` more.
  void advance(std::int64_t tokens) { length_ += tokens; }

 private:
  State(const TextModel* owner, std::int64_t capacity, std::int64_t kv_width)
      : owner_(owner), capacity_(capacity), kv_width_(kv_width) {}
  void add_kv_cache();
  void add_delta_net(const checkpoint::TextConfig& config);

  const TextModel* owner_;
  std::int64_t capacity_;
  std::int64_t kv_width_ = 0;  // kv_heads * head_dim
  std::int64_t length_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<std::variant<KvCache, DeltaNetState>> layers_;
};

}  // namespace nibble::model::qwen36
