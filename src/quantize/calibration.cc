#include "quantize/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "base/progress.h"
#include "model/text_model.h"

namespace nibble::quantize {
namespace {

class AmaxObserver : public model::LinearInputObserver {
 public:
  void observe(std::string_view module, std::span<const float> input, std::int64_t /*cols*/) override {
    auto found = amaxes_.find(module);
    if (found == amaxes_.end()) found = amaxes_.emplace(module, 0.0F).first;
    for (const float value : input) {
      // NaN must not hide behind a comparison that is false.
      if (!std::isfinite(value)) not_finite_ = found->first;
      found->second = std::max(found->second, std::fabs(value));
    }
  }

  Result<InputAmaxes> take() && {
    if (not_finite_.empty()) return std::move(amaxes_);
    return invalid_input(fmt::format(
        "calibration: the input of '{}' became NaN or infinite; the checkpoint's weights are damaged", not_finite_));
  }

 private:
  InputAmaxes amaxes_;
  std::string not_finite_;
};

}  // namespace

Result<InputAmaxes> measure_input_amaxes(const checkpoint::Checkpoint& checkpoint, std::span<const std::int32_t> tokens,
                                         std::int64_t sequence_length, ThreadPool& pool) {
  if (tokens.empty()) {
    return invalid_input("calibration: there are no tokens; static input scales need a text to be measured on");
  }
  if (sequence_length < 1) {
    return invalid_input(fmt::format("calibration: sequences of {} tokens; expected at least 1", sequence_length));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<model::TextModel> model, model::load_text_model(checkpoint, pool));
  const auto longest = std::min(static_cast<std::size_t>(sequence_length), tokens.size());
  ASSIGN_OR_RETURN(const auto state, model->new_state(static_cast<std::int64_t>(longest)));
  AmaxObserver observer;
  Progress progress("calibrating", tokens.size(), "tokens");
  std::vector<float> logits;
  while (!tokens.empty()) {
    const auto sequence = tokens.first(std::min(longest, tokens.size()));
    state->reset();
    RETURN_IF_ERROR_IN("calibration", model->forward(sequence, *state, model::LogitsOf::kNone, logits, &observer));
    progress.advance(sequence.size());
    tokens = tokens.subspan(sequence.size());
  }
  return std::move(observer).take();
}

}  // namespace nibble::quantize
