// Model folders for tests: the tensors of a Qwen3.5-MoE model of any size, filled with seeded random numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/model_config.h"
#include "checkpoint/safetensors_writer.h"

namespace nibble::testing {

enum class BuiltFormat : std::uint8_t {
  kBf16,           // as the original: fused experts
  kBf16PerExpert,  // as Qwen3.5's MTP: one Linear an expert
  kMixedNvfp4,     // NVIDIA's mixed layout (formats §2): NVFP4 experts and lm_head, FP8 attention, the rest BF16
};

struct CheckpointSpec {
  checkpoint::TextConfig text;
  BuiltFormat format = BuiltFormat::kBf16;
  std::int64_t vision_blocks = 0;
  bool input_scales = true;  // of quantized layers
  std::uint64_t seed = 1;
  std::uint64_t max_shard_bytes = std::uint64_t{10} * 1000 * 1000 * 1000;
};

// Small, and no dimension equal to another: 4 layers (one of them full attention), 6 experts, top 2, one MTP layer.
checkpoint::TextConfig small_text_config();
// The dimensions of Qwen3.6-35B-A3B.
checkpoint::TextConfig qwen36_text_config();

// Every tensor of the folder, by name, dtype and shape.
std::vector<checkpoint::PlannedTensor> plan_tensors(const CheckpointSpec& spec);

// config.json with everything that nibble reads; with quantization_config where the format has one.
std::string config_json(const CheckpointSpec& spec);
std::string generation_config_json(const CheckpointSpec& spec);
// hf_quant_config.json of kMixedNvfp4.
std::string hf_quant_config_json(const CheckpointSpec& spec);

// The whole folder, which must exist. Matrices are uniform in ±1/sqrt(columns), norms and other vectors in ±0.5;
// quantized ones have random codes and scales.
void write_checkpoint(const std::filesystem::path& folder, const CheckpointSpec& spec);

// The same with real headers and files of the right length that are holes: takes no disk space.
void write_sparse_checkpoint(const std::filesystem::path& folder, const CheckpointSpec& spec, std::size_t shards);

}  // namespace nibble::testing
