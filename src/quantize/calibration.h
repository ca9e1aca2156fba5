// Calibration: the largest magnitude that each linear layer's input takes while the unquantized model reads a text.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"

namespace nibble::quantize {

// By module name.
using InputAmaxes = std::map<std::string, float, std::less<>>;

// Runs tokens through the model in independent sequences of sequence_length (the last may be shorter). Errors: no
// tokens, an id out of the vocabulary, a sequence longer than the model's context, an input that is not finite.
Result<InputAmaxes> measure_input_amaxes(const checkpoint::Checkpoint& checkpoint, std::span<const std::int32_t> tokens,
                                         std::int64_t sequence_length, ThreadPool& pool);

}  // namespace nibble::quantize
