// From the tensors of a checkpoint and a recipe to what will be written: every output tensor with its shape, and every
// matrix with its rule. Reads names and shapes only.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/quantization_config.h"
#include "checkpoint/safetensors_writer.h"
#include "checkpoint/tensor_store.h"
#include "quantize/natural_order.h"
#include "quantize/recipe.h"

namespace nibble::quantize {

// One matrix [rows, cols] of a source tensor, which may be a stack of several, and the rule that it falls under.
struct PlannedMatrix {
  std::string module;  // under which it is written: "<module>.weight", …
  const checkpoint::TensorEntry* source = nullptr;
  std::int64_t first_row = 0;  // in the source seen as [all rows, cols]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const Rule* rule = nullptr;  // points into the recipe
};

// Matrices that share one NVFP4 global scale, because engines fuse them (formats §1.3): gate and up of an expert,
// q, k and v. Most groups have one member.
using SharingGroup = std::vector<PlannedMatrix>;

struct NaturalLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return natural_less(a, b); }
};

struct Plan {
  std::vector<checkpoint::PlannedTensor> tensors;    // all of the output, in natural order of the source
  std::vector<const checkpoint::TensorEntry*> kept;  // copied byte for byte
  std::vector<SharingGroup> groups;                  // quantized
  std::map<std::string, checkpoint::QuantAlgo, NaturalLess> quantized_modules;  // as configuration files list them
  std::vector<std::string> kept_modules;  // linear layers and embeddings that stay as they are
};

// entries must outlive the plan, and recipe too. Errors: the recipe covers no linear layer; a matrix that a rule covers
// is not of BF16, F16 or F32, or its width is no multiple of 16 where NVFP4 needs that.
Result<Plan> make_plan(std::span<const checkpoint::TensorEntry> entries, const Recipe& recipe);

}  // namespace nibble::quantize
