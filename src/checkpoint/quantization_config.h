// The ModelOpt dialect: which module has which quantization algorithm (formats §1.4, §2).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace nibble::checkpoint {

enum class QuantAlgo : std::uint8_t { kNone, kFp8, kNvfp4, kW4a16Nvfp4 };

std::string_view quant_algo_name(QuantAlgo algo);  // as ModelOpt spells it: "FP8", "NVFP4", "W4A16_NVFP4"

// Both spellings of the same facts (hf_quant_config.json; config.json's quantization_config), merged and checked
// against each other. Names are matched as prefixes by module ("…mlp.experts" covers every expert) and by `*`
// wildcards.
class QuantizationConfig {
 public:
  // Neither file has a quantization: an unquantized checkpoint.
  static Result<QuantizationConfig> read(const std::filesystem::path& folder);
  static Result<QuantizationConfig> parse(std::string_view config_text, std::string_view hf_quant_config_text);

  bool quantized() const { return !top_algo_.empty(); }
  const std::string& top_algo() const { return top_algo_; }  // "MIXED_PRECISION", "NVFP4", …; empty where unquantized
  const std::string& producer() const { return producer_; }  // "modelopt 0.44.0"
  const std::string& kv_cache_algo() const { return kv_cache_algo_; }
  // What the files declare for a module such as "model.language_model.layers.3.self_attn.q_proj".
  QuantAlgo algo_of(std::string_view module) const;

 private:
  std::string top_algo_;
  std::string producer_;
  std::string kv_cache_algo_;
  QuantAlgo uniform_ = QuantAlgo::kNone;
  std::map<std::string, QuantAlgo, std::less<>> layers_;
  std::vector<std::string> excluded_;
};

}  // namespace nibble::checkpoint
