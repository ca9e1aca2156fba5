#include "model/qwen36/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace nibble::model::qwen36 {

Result<std::unique_ptr<State>> State::create(const TextModel* owner, const checkpoint::TextConfig& config,
                                             std::int64_t capacity) {
  try {
    std::unique_ptr<State> state(new State(owner, capacity));
    for (const checkpoint::LayerType type : config.layer_types) {
      if (type == checkpoint::LayerType::kFullAttention) {
        state->add_kv_cache(config);
      } else {
        state->add_delta_net(config);
      }
    }
    return state;
  } catch (const std::bad_alloc&) {
    return fail(
        ErrorCode::kEnvironment,
        fmt::format("not enough memory for the state of a sequence of {} tokens; choose a shorter context", capacity));
  }
}

void State::add_kv_cache(const checkpoint::TextConfig& config) {
  const auto count = static_cast<std::size_t>(capacity_ * config.kv_heads * config.head_dim);
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
