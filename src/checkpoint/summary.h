// What is in a model folder, on one page: `nibble inspect`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "checkpoint/checkpoint.h"

namespace nibble::checkpoint {

enum class TensorClass : std::uint8_t {
  kRoutedExperts,
  kSharedExperts,
  kAttention,  // q, k, v and o projections
  kDeltaNet,   // the DeltaNet's in_proj_qkv, in_proj_z and out_proj
  kLmHead,
  kEmbeddings,
  kRoutersAndGates,  // routers, shared expert gates, in_proj_a and in_proj_b, convolution, A_log, dt_bias
  kNorms,
  kMtp,
  kVision,
  kOther
};

std::string_view tensor_class_name(TensorClass tensor_class);  // "routed experts", …
// By the tensor's full name, whatever the prefix of the export.
TensorClass tensor_class_of(std::string_view tensor_name);

struct ClassSummary {
  TensorClass tensor_class = TensorClass::kOther;
  std::uint64_t tensors = 0;                                  // as counted in the files, scales included
  std::uint64_t parameters = 0;                               // weights, scales not included; an NVFP4 byte holds two
  std::uint64_t bytes = 0;                                    // all tensors, scales included
  std::map<std::string, std::uint64_t> parameters_by_format;  // "nvfp4", "fp8", "bf16", …

  double bits_per_weight() const;  // 0 where there are no parameters
};

struct Summary {
  std::string folder;
  std::string architecture;
  std::uint64_t shards = 0;
  ModelConfig config;
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
