// Random contents for the tensors of a synthetic checkpoint: of realistic spread, at the speed of a disk.
//
// A value is looked up in a table by 16 random bits, and the bits are a function of seed, tensor name and position
// alone: any part of any tensor can be made by any thread, and the bytes are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/safetensors_header.h"

namespace nibble::quantize {

// Weights are normal with this spread, the `initializer_range` of the family (architecture §1.1). Through RMS norms a
// layer of 2,048 inputs then answers with 0.9 for inputs of 1, and logits spread by about as much.
inline constexpr float kWeightSpread = 0.02F;

class SyntheticValues {
 public:
  explicit SyntheticValues(std::uint64_t seed);

  // Bytes [offset, offset + out.size()) of a tensor of BF16, FP8, NVFP4 codes or block scales: its name and dtype say
  // which. offset is a multiple of 8.
  void fill(const checkpoint::PlannedTensor& tensor, std::uint64_t offset, std::span<std::byte> out) const;

  // The weight_scale of an FP8 tensor, the weight_scale_2 of an NVFP4 tensor. Tensors of one `group` share theirs;
  // between groups the spread of the weights varies by a tenth, so that a scale taken from a neighbour shows.
  float fp8_scale(std::string_view group) const;
  float nvfp4_scale(std::string_view group) const;
  // A static input_scale for activations of magnitude up to about 8, divided as format demands: 448 for FP8, 2688 for
  // NVFP4 (formats §1.1).
  float input_scale(std::string_view group, float largest_code) const;

 private:
  std::uint64_t key_of(std::string_view name) const;
  float vary(std::string_view group) const;  // 0.9 to 1.1
  void make_nvfp4_tables(std::span<const float> normal);

  std::uint64_t seed_;
  // Tables have a power of two of equally likely entries.
  std::vector<std::uint16_t> weights_, zero_centred_norms_, plain_norms_, convolutions_, a_logs_, dt_biases_;  // BF16
  std::vector<std::uint8_t> fp8_codes_, nvfp4_codes_, block_scales_;
  float fp8_unit_scale_ = 0, nvfp4_unit_scale_ = 0;  // with which the codes have a spread of 1
};

}  // namespace nibble::quantize
