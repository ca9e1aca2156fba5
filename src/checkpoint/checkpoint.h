// A model folder, opened and validated: configuration, tensors, and each linear layer as one record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "checkpoint/quantization_config.h"
#include "checkpoint/tensor_store.h"
#include "numerics/matrix_view.h"

namespace nibble::checkpoint {

class Checkpoint {
 public:
  static Result<Checkpoint> open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const ModelConfig& config() const { return config_; }
  const QuantizationConfig& quantization() const { return quantization_; }
  const TensorStore& tensors() const { return tensors_; }

  // "model.language_model." in the official layout, "model." in text-only exports.
  const std::string& text_prefix() const { return text_prefix_; }

  // The linear layer `module` (full name without ".weight") of shape [rows, cols]. The tensors decide the format (rank
  // and dtype of the scales, formats §7.1); a declared algorithm that contradicts them is an error, as are missing,
  // NaN, infinite, negative or zero scales (a block scale may be zero), and any tensor of the module that is not
  // understood. Reads all block scales once.
  Result<numerics::MatrixView> linear(std::string_view module, std::int64_t rows, std::int64_t cols) const;

  // The three matrices of one expert of `…layers.L.mlp.experts`, from either layout on disk: one Linear an expert
  // (NVFP4 exports), or fused gate_up_proj [experts, 2 * width, hidden] and down_proj [experts, hidden, width].
  struct Expert {
    numerics::MatrixView gate;  // [width, hidden]
    numerics::MatrixView up;    // [width, hidden]
    numerics::MatrixView down;  // [hidden, width]
  };
  Result<Expert> expert(std::string_view experts_module, std::int64_t index, std::int64_t width,
                        std::int64_t hidden) const;

  // A small float tensor (norm weight, A_log, conv kernel) of BF16, F16 or F32 as float32; every value finite.
  Result<std::vector<float>> floats(std::string_view name, const Shape& shape) const;

 private:
  Checkpoint(std::filesystem::path folder, ModelConfig config, QuantizationConfig quantization, TensorStore tensors,
             std::string text_prefix);
  Result<Expert> fused_expert(const std::string& module, std::int64_t index, std::int64_t width,
                              std::int64_t hidden) const;
  // Holds what the tensors of a module are against what the configuration files say it is.
  Status check_declaration(std::string_view module, numerics::WeightFormat found) const;

  std::filesystem::path folder_;
  ModelConfig config_;
  QuantizationConfig quantization_;
  TensorStore tensors_;
  std::string text_prefix_;
};

}  // namespace nibble::checkpoint
