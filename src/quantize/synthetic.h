// Checkpoints of true shapes with random weights: to measure and to test what no real file is at hand for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/safetensors_writer.h"
#include "quantize/synthetic_config.h"

namespace nibble::quantize {

// The recipe that stands for no quantization.
inline constexpr std::string_view kBf16Recipe = "bf16";

struct SyntheticOptions {
  std::string recipe = "nvidia";  // kBf16Recipe, or what load_recipe() knows
  ConfigChanges changes = {};
  std::uint64_t seed = 0;
  std::uint64_t max_shard_bytes = std::uint64_t{10} * 1000 * 1000 * 1000;  // as ModelOpt: three shards in all
  std::filesystem::path tokenizer = {};  // a tokenizer.json to copy; empty: the folder has none
};

// All that will be written, decided before a byte is.
struct SyntheticPlan {
  std::vector<checkpoint::PlannedTensor> tensors;  // in the order of the official shards
  std::unordered_map<std::string, float> scales;   // the value of every F32 tensor, by name
  std::string config;                              // config.json
  std::string hf_quant_config;                     // empty where nothing is quantized
  std::uint64_t bytes = 0;                         // of all tensors
};

// From a config.json. A recipe with calibrated scales gives every quantized layer an input_scale, NVFP4 layers too, as
// the official file has (formats §2).
Result<SyntheticPlan> plan_synthetic(std::string_view config_text, const SyntheticOptions& options);

// Writes the folder, whole or not at all. The bytes depend on plan and seed, not on the number of threads. Errors: the
// folder exists, the disk has too little room.
Status write_synthetic(const SyntheticPlan& plan, const std::filesystem::path& output, const SyntheticOptions& options,
                       ThreadPool& pool);

}  // namespace nibble::quantize
