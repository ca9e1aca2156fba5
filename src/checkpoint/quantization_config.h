// The ModelOpt dialect: which module has which quantization algorithm (formats §1.4, §2).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::checkpoint {

enum class QuantAlgo : std::uint8_t { kNone, kFp8, kNvfp4, kW4a16Nvfp4 };

std::string_view quant_algo_name(QuantAlgo algo);  // as ModelOpt spells it: "FP8", "NVFP4", "W4A16_NVFP4"

// Both spellings of the same facts (hf_quant_config.json; config.json's quantization_config), merged and checked
// against each other. A name covers the module and all inside it ("…mlp.experts" covers every expert), with or without
// "model.language_model."; `*` stands for any text.
class QuantizationConfig {
 public:
  // DIR/config.json and, where present, DIR/hf_quant_config.json.
  static Result<QuantizationConfig> read(const std::filesystem::path& folder);
  // Either text may be empty. Neither has a quantization: an unquantized checkpoint.
  static Result<QuantizationConfig> parse(std::string_view config_text, std::string_view hf_quant_config_text);

  bool quantized() const { return !top_algo_.empty(); }
  const std::string& top_algo() const { return top_algo_; }  // "MIXED_PRECISION", "NVFP4", …; empty where unquantized
  const std::string& producer() const { return producer_; }  // "modelopt 0.44.0"; empty where not said
  const std::string& kv_cache_algo() const { return kv_cache_algo_; }  // "FP8"; empty where not said
  // What the files declare for a module such as "model.language_model.layers.3.self_attn.q_proj".
  QuantAlgo algo_of(std::string_view module) const;
  // Whether the module, or one it lies in, is in `quantized_layers`. A uniform algorithm names no module: there it
  // means every linear layer that is not excluded, and only the tensors tell which modules are linear layers.
  bool lists(std::string_view module) const;

 private:
  struct Source;
  struct Pattern {
    std::string text;
    QuantAlgo algo = QuantAlgo::kNone;
  };

  static Result<QuantizationConfig> merge(std::vector<Source> sources);
  const QuantAlgo* listed_algo(std::string_view module) const;
  bool excluded(std::string_view module) const;

  std::string top_algo_;
  std::string producer_;
  std::string kv_cache_algo_;
  QuantAlgo uniform_ = QuantAlgo::kNone;
  std::map<std::string, QuantAlgo, std::less<>> layers_;  // names without wrappers
  std::vector<Pattern> layer_patterns_;                   // names with a `*`, as written
  std::vector<std::string> excluded_;
};

}  // namespace nibble::checkpoint
