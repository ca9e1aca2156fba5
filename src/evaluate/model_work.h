// What a model must read and compute for its tokens, from its tensors and dimensions: the numerator of every share of a
// machine's limit (architecture §9).
#pragma once

#include <cstdint>

#include "checkpoint/checkpoint.h"
#include "model/text_model.h"

namespace nibble::evaluate {

// What one sequence holds, as the running model stores it; 0 for a kind of layer that the model has none of.
struct StateBytes {
  double per_token_and_full_layer = 0;  // a row of keys and one of values
  double per_linear_layer = 0;          // convolution and recurrent state
};

// From the sizes of the states that a model makes.
Result<StateBytes> measure_state_bytes(const model::TextModel& model);

class ModelWork {
 public:
  // The first `layers` layers of the checkpoint, its embedding and its head.
  ModelWork(const checkpoint::Checkpoint& checkpoint, std::int64_t layers, const StateBytes& state);

  double weight_bytes() const { return weight_bytes_; }  // of all that is bound
  double parameters() const { return parameters_; }      // of all that is bound

  // Bytes that decoding one token after `position` others reads and writes at least: weights once, of the experts those
  // chosen; recurrent state once in and once out; the rows of keys and values.
  double decode_bytes(std::int64_t position) const;
  // FLOPs of `tokens` tokens after `position` others and of the last one's logits, two a multiply-add: projections,
  // convolution, the delta rule as its recurrence (the chunked form does more), attention over what each token sees.
  double prefill_flops(std::int64_t position, std::int64_t tokens) const;

 private:
  void count_bytes(const checkpoint::Checkpoint& checkpoint);
  void count_flops();

  checkpoint::TextConfig config_;  // with `layers` layers
  StateBytes state_;
  double full_layers_ = 0;
  double linear_layers_ = 0;
  double weight_bytes_ = 0;
  double parameters_ = 0;
  double weight_bytes_of_token_ = 0;
  double flops_of_token_ = 0;  // without attention scores and without the head
};

}  // namespace nibble::evaluate
