// What is in a model folder, on one page: `nibble inspect`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_class.h"

namespace nibble::checkpoint {

struct ClassSummary {
  TensorClass tensor_class = TensorClass::kOther;
  std::uint64_t tensors = 0;                                  // as counted in the files, scales included
  std::uint64_t parameters = 0;                               // weights, scales not included; an NVFP4 byte holds two
  std::uint64_t bytes = 0;                                    // all tensors, scales included
  std::map<std::string, std::uint64_t> parameters_by_format;  // "nvfp4", "fp8", "bf16", …

  double bits_per_weight() const;  // 0 where there are no parameters
  std::string formats() const;     // "bf16, nvfp4"
};

struct Summary {
  std::string folder;
  ModelConfig config;
  std::uint64_t shards = 0;
  std::vector<ClassSummary> classes;  // in the order of TensorClass; empty classes are left out
  ClassSummary total;

  std::string quantization;        // "MIXED_PRECISION", or empty
  std::string producer;            // "modelopt 0.44.0", or empty
  std::string kv_cache_algo;       // "FP8", or empty
  std::vector<std::string> notes;  // what a careful reader would want to know
};

Summary summarize(const Checkpoint& checkpoint);

// About one page, for a person.
std::string to_text(const Summary& summary);
// One object with the same facts.
void write_json(const Summary& summary, JsonWriter& writer);

}  // namespace nibble::checkpoint
