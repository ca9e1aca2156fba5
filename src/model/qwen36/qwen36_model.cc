#include "model/qwen36/qwen36_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/interrupt.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/rms_norm.h"
#include "model/qwen36/attention.h"
#include "model/qwen36/delta_net.h"
#include "model/qwen36/moe.h"
#include "model/qwen36/pass.h"
#include "model/qwen36/state.h"
#include "model/qwen36/weights.h"

namespace nibble::model::qwen36 {
namespace {

// Long enough that each expert's weights, read once a chunk, serve several tokens (architecture §9.3); short enough
// that the buffers of the official model stay near 100 MB.
constexpr std::int64_t kChunkTokens = 512;

// Positions are whole numbers in float32 below it, and no size computed from it overflows.
constexpr std::int64_t kLongestContext = std::int64_t{1} << 24;

using checkpoint::TextConfig;

class Qwen36Model final : public TextModel {
 public:
  Qwen36Model(TextConfig config, Weights weights, ThreadPool& pool)
      : config_(std::move(config)), weights_(std::move(weights)), rope_(rope_parameters(config_)), pool_(pool) {}

  const TextConfig& config() const override { return config_; }
  Result<std::unique_ptr<SequenceState>> new_state(std::int64_t capacity) const override;
  Status forward(std::span<const TokenId> tokens, SequenceState& state, LogitsOf wanted, std::vector<float>& logits,
                 LinearInputObserver* observer) const override;

 private:
  Status check_input(std::span<const TokenId> tokens, const SequenceState& state) const;
  void embed(std::span<const TokenId> tokens, std::vector<float>& residual) const;
  void fill_rope(const Pass& pass) const;
  Status run_layers(State& state, const Pass& pass) const;
  void norm(const std::vector<float>& weight, const Pass& pass) const;
  // The logits of the last `count` tokens of the chunk, from buffers.residual.
  void run_head(const Pass& pass, std::int64_t count, float* logits) const;

  TextConfig config_;  // the checkpoint's, with the layers that are bound
  Weights weights_;
  kernels::RopeTables rope_;
  ThreadPool& pool_;
};

// With YaRN, max_position_embeddings often still is the original context (architecture §1.4).
std::int64_t longest_context(const TextConfig& config) {
  const double stretched = config.rope.yarn_factor * static_cast<double>(config.rope.yarn_original_context);
  return std::min(std::max(config.max_context, static_cast<std::int64_t>(stretched)), kLongestContext);
}

Result<std::unique_ptr<SequenceState>> Qwen36Model::new_state(std::int64_t capacity) const {
  const std::int64_t longest = longest_context(config_);
  if (capacity < 1 || capacity > longest) {
    return invalid_input(
        fmt::format("a context of {} tokens was asked for; this model allows 1 to {}", capacity, longest));
  }
  return State::create(this, config_, capacity);
}

Status Qwen36Model::check_input(std::span<const TokenId> tokens, const SequenceState& state) const {
  const auto* own = dynamic_cast<const State*>(&state);
  if (own == nullptr || own->owner() != this) {
    return invalid_input("the sequence state was made by another model; make one with new_state() of this model");
  }
  if (tokens.empty()) return invalid_input("a forward pass needs at least one token");
  const auto outside = std::ranges::find_if(tokens, [&](TokenId id) { return id < 0 || id >= config_.vocab_size; });
  if (outside != tokens.end()) {
    return invalid_input(fmt::format("token id {} at index {} is outside the model's vocabulary of {}", *outside,
                                     outside - tokens.begin(), config_.vocab_size));
  }
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count > state.capacity() - state.length()) {
    return invalid_input(
        fmt::format("{} tokens after {} exceed the context of {} tokens; shorten the text or make the "
                    "context longer",
                    count, state.length(), state.capacity()));
  }
  return {};
}

Status Qwen36Model::forward(std::span<const TokenId> tokens, SequenceState& state, LogitsOf wanted,
                            std::vector<float>& logits, LinearInputObserver* observer) const try {
  RETURN_IF_ERROR(check_input(tokens, state));
  auto& own = static_cast<State&>(state);
  const auto count = static_cast<std::int64_t>(tokens.size());
  const std::int64_t rows = wanted == LogitsOf::kAllTokens ? count : wanted == LogitsOf::kLastToken ? 1 : 0;
  logits.resize(static_cast<std::size_t>(rows * config_.vocab_size));

  Buffers buffers(config_, std::min(count, kChunkTokens), observer != nullptr);
  for (std::int64_t begin = 0; begin < count; begin += kChunkTokens) {
    const std::int64_t chunk = std::min(count - begin, kChunkTokens);
    const Pass pass{config_, pool_, observer, buffers, chunk, own.length()};
    embed(tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(chunk)), buffers.residual);
    fill_rope(pass);
    RETURN_IF_ERROR(run_layers(own, pass));
    own.advance(chunk);
    // Of the chunk's tokens, those from `first_wanted` on get logits.
    const std::int64_t first_wanted = std::max(begin, count - rows);
    const std::int64_t wanted_here = begin + chunk - first_wanted;
    if (wanted_here > 0) {
      run_head(pass, wanted_here, logits.data() + (first_wanted - (count - rows)) * config_.vocab_size);
    }
  }
  return {};
} catch (const std::bad_alloc&) {
  return fail(ErrorCode::kEnvironment,
              fmt::format("not enough memory for a forward pass over {} tokens", tokens.size()));
}

void Qwen36Model::embed(std::span<const TokenId> tokens, std::vector<float>& residual) const {
  float* row = residual.data();
  for (const TokenId id : tokens) {
    numerics::decode_row(weights_.embedding, id, row);
    row += config_.hidden_size;
  }
}

void Qwen36Model::fill_rope(const Pass& pass) const {
  const auto positions = std::span(pass.buffers.positions).first(static_cast<std::size_t>(pass.tokens));
  auto position = static_cast<std::int32_t>(pass.first_position);
  for (kernels::RopePosition& token : positions) token = kernels::text_position(position++);
  rope_.fill(positions, pass.buffers.cos.data(), pass.buffers.sin.data());
}

void Qwen36Model::norm(const std::vector<float>& weight, const Pass& pass) const {
  kernels::rms_norm({.input = pass.buffers.residual.data(),
                     .weight = weight.data(),
                     .output = pass.buffers.normed.data(),
                     .rows = pass.tokens,
                     .width = config_.hidden_size,
                     .epsilon = static_cast<float>(config_.rms_norm_eps)},
                    pool_);
}

// Architecture §3.1: u = x + mixer(norm(x)); x = u + moe(norm(u)), layer by layer.
Status Qwen36Model::run_layers(State& state, const Pass& pass) const {
  const auto add_output = [&] {
    kernels::add({.inout = pass.buffers.residual.data(),
                  .addend = pass.buffers.output.data(),
                  .count = pass.tokens * config_.hidden_size},
                 pool_);
  };
  for (std::size_t index = 0; index < weights_.layers.size(); ++index) {
    if (Status status = check_interrupt(); !status) {
      state.reset();  // layers before this one have moved on, and a recurrent state cannot go back
      return status;
    }
    const LayerWeights& layer = weights_.layers[index];
    norm(layer.input_norm, pass);
    if (const auto* attention = std::get_if<AttentionWeights>(&layer.mixer)) {
      run_attention(*attention, state.kv_cache(index), pass);
    } else {
      run_delta_net(std::get<DeltaNetWeights>(layer.mixer), state.delta_net(index), pass);
    }
    add_output();
    norm(layer.post_attention_norm, pass);
    run_moe(layer.moe, pass);
    add_output();
  }
  return {};
}

void Qwen36Model::run_head(const Pass& pass, std::int64_t count, float* logits) const {
  Buffers& buffers = pass.buffers;
  const auto skipped = (pass.tokens - count) * config_.hidden_size;
  const auto wanted = std::span(buffers.residual).subspan(static_cast<std::size_t>(skipped));
  std::copy_n(wanted.begin(), count * config_.hidden_size, buffers.residual.begin());
  Pass head = pass;
  head.tokens = count;
  norm(weights_.final_norm, head);
  head.project(weights_.lm_head, buffers.normed, logits);
}

}  // namespace

kernels::RopeParameters rope_parameters(const TextConfig& config) {
  kernels::RopeParameters parameters;
  parameters.theta = config.rope.theta;
  parameters.rotary_dim = config.rotary_dim();
  std::ranges::copy(config.rope.mrope_section, parameters.mrope_section.begin());
  if (config.rope.yarn_factor != 1.0) {
    parameters.yarn = kernels::YarnScaling{.factor = config.rope.yarn_factor,
                                           .original_context = config.rope.yarn_original_context,
                                           .beta_fast = config.rope.yarn_beta_fast,
                                           .beta_slow = config.rope.yarn_beta_slow,
                                           .attention_factor = config.rope.yarn_attention_factor};
  }
  return parameters;
}

Result<std::unique_ptr<TextModel>> load(const checkpoint::Checkpoint& checkpoint, ThreadPool& pool,
                                        const LoadOptions& options) {
  TextConfig config = checkpoint.config().text;
  if (!config.attn_output_gate) {
    return fail(ErrorCode::kUnsupported, "config.json: attn_output_gate is false; nibble runs gated attention only");
  }
  if (options.layers > 0) {
    config.layers = options.layers;
    config.layer_types.resize(static_cast<std::size_t>(options.layers));
  }
  ASSIGN_OR_RETURN(Weights weights, bind_weights(checkpoint, config.layers));
  return std::make_unique<Qwen36Model>(std::move(config), std::move(weights), pool);
}

}  // namespace nibble::model::qwen36
