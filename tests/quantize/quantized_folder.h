// Steps that several tests of this room take.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_store.h"
#include "quantize/quantizer.h"

namespace nibble::quantize {

std::filesystem::path tiny_model();

// The token ids of the committed ModelOpt calibration, and its sequence length.
QuantizeOptions golden_calibration();

// tiny_model() quantized by a shipped recipe with golden_calibration(), made once for all tests of the program; ends
// the program on failure. Not to be changed.
struct QuantizedTiny {
  std::filesystem::path folder;
  QuantizeSummary summary;
};
const QuantizedTiny& quantized_tiny(const std::string& recipe);

// The bytes of one tensor; ends the program where it is absent.
std::span<const std::byte> tensor_bytes(const checkpoint::TensorStore& store, std::string_view name);

// A matrix as float32, row by row.
std::vector<float> decoded(const numerics::MatrixView& matrix);

// Every NVFP4 matrix of a folder made from tiny_model(), beside the BF16 matrix that it came from.
struct Counterpart {
  std::string module;
  numerics::MatrixView original;
  numerics::MatrixView quantized;
};
std::vector<Counterpart> nvfp4_matrices(const checkpoint::Checkpoint& original,
                                        const checkpoint::Checkpoint& quantized);

}  // namespace nibble::quantize
