#include "model/qwen36/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace nibble::model::qwen36 {
namespace {

std::unexpected<Error> no_memory(std::int64_t capacity) {
  return fail(
      ErrorCode::kEnvironment,
      fmt::format("not enough memory for the state of a sequence of {} tokens; choose a shorter context", capacity));
}

}  // namespace

Result<std::unique_ptr<State>> State::create(const TextModel* owner, const checkpoint::TextConfig& config,
                                             std::int64_t capacity) {
  try {
    std::unique_ptr<State> state(new State(owner, capacity, config.kv_heads * config.head_dim));
    for (const checkpoint::LayerType type : config.layer_types) {
      if (type == checkpoint::LayerType::kFullAttention) {
        state->add_kv_cache();
      } else {
        state->add_delta_net(config);
      }
    }
    return state;
  } catch (const std::bad_alloc&) {
    return no_memory(capacity);
  }
}

void State::add_kv_cache() {
  const auto count = static_cast<std::size_t>(capacity_ * kv_width_);
  // Not initialised: the system gives the pages of a long context only as the sequence reaches them.
  layers_.emplace_back(
      KvCache{std::make_unique_for_overwrite<float[]>(count), std::make_unique_for_overwrite<float[]>(count)});
  bytes_ += 2 * count * sizeof(float);
}

void State::add_delta_net(const checkpoint::TextConfig& config) {
  const std::int64_t conv = (config.conv_kernel - 1) * config.conv_channels();
  const std::int64_t recurrent = config.linear_value_heads * config.linear_key_dim * config.linear_value_dim;
  layers_.emplace_back(DeltaNetState{std::vector<float>(static_cast<std::size_t>(conv)),
                                     std::vector<float>(static_cast<std::size_t>(recurrent))});
  bytes_ += static_cast<std::uint64_t>(conv + recurrent) * sizeof(float);
}

Result<std::unique_ptr<SequenceState>> State::copy() const {
  try {
    std::unique_ptr<State> twin(new State(owner_, capacity_, kv_width_));
    for (const auto& layer : layers_) {
      if (const auto* state = std::get_if<DeltaNetState>(&layer)) {
        twin->layers_.emplace_back(*state);
        continue;
      }
      const auto& cache = std::get<KvCache>(layer);
      twin->add_kv_cache();
      auto& copied = std::get<KvCache>(twin->layers_.back());
      std::copy_n(cache.keys.get(), length_ * kv_width_, copied.keys.get());
      std::copy_n(cache.values.get(), length_ * kv_width_, copied.values.get());
    }
    twin->length_ = length_;
    twin->bytes_ = bytes_;
    return twin;
  } catch (const std::bad_alloc&) {
    return no_memory(capacity_);
  }
}

void State::reset() {
  for (auto& layer : layers_) {
    if (auto* state = std::get_if<DeltaNetState>(&layer)) {
      std::ranges::fill(state->conv, 0.0F);
      std::ranges::fill(state->recurrent, 0.0F);
    }
  }
  length_ = 0;
}

}  // namespace nibble::model::qwen36
