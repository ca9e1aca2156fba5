// Makes a quantized checkpoint from a BF16 one: a whole folder in, a whole folder out, or nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "quantize/recipe.h"

namespace nibble::quantize {

struct QuantizeOptions {
  // Token ids for recipes that need calibration (Recipe::needs_calibration), run as sequences of calibration_sequence
  // tokens; the last may be shorter. Ignored by other recipes.
  std::vector<std::int32_t> calibration_tokens;
  std::int64_t calibration_sequence = 512;
  std::uint64_t max_shard_bytes = std::uint64_t{10} * 1000 * 1000 * 1000;
};

// One weight matrix (or fused stack) as it was written.
struct QuantizedTensor {
  std::string name;
  std::string format;  // "nvfp4", "fp8"
  std::uint64_t elements = 0;
  double squared_error = 0;      // sum of (original - dequantized)^2
  double squared_magnitude = 0;  // sum of original^2
};

struct QuantizeSummary {
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::vector<QuantizedTensor> tensors;
};

Result<QuantizeSummary> quantize_checkpoint(const std::filesystem::path& input, const std::filesystem::path& output,
                                            const Recipe& recipe, const QuantizeOptions& options, ThreadPool& pool);

}  // namespace nibble::quantize
