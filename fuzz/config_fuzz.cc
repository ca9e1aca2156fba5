// Hostile config.json, generation_config.json and hf_quant_config.json, in one input with zero bytes between them.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "checkpoint/model_config.h"
#include "checkpoint/quantization_config.h"

namespace nibble::checkpoint {
namespace {

std::string_view take_part(std::string_view& rest) {
  std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

// What every later room relies on.
void check_promises(const ModelConfig& config) {
  const TextConfig& text = config.text;
  NIBBLE_CHECK(text.layers >= 1 && text.layer_types.size() == static_cast<std::size_t>(text.layers));
  NIBBLE_CHECK(text.kv_heads >= 1 && text.heads % text.kv_heads == 0);
  NIBBLE_CHECK(text.linear_key_heads >= 1 && text.linear_value_heads % text.linear_key_heads == 0);
  NIBBLE_CHECK(text.top_k >= 1 && text.top_k <= text.experts);
  NIBBLE_CHECK(text.rotary_dim() >= 2 && text.rotary_dim() % 2 == 0 && text.rotary_dim() <= text.head_dim);
  NIBBLE_CHECK(text.rms_norm_eps > 0 && text.rope.theta > 0 && text.rope.yarn_factor >= 1);
  NIBBLE_CHECK(text.conv_channels() > 0 && text.max_context >= 1);
  for (std::int32_t id : config.generation.eos_token_ids) NIBBLE_CHECK(id >= 0 && id < text.vocab_size);
}

}  // namespace
}  // namespace nibble::checkpoint

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble::checkpoint;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::string_view config_text = take_part(rest);
  std::string_view generation_text = take_part(rest);
  std::string_view hf_quant_text = take_part(rest);
  if (auto config = parse_model_config(config_text, generation_text)) check_promises(*config);
  if (auto quantization = QuantizationConfig::parse(config_text, hf_quant_text)) {
    for (std::string_view module :
         {"lm_head", "model.language_model.layers.0.mlp.experts.3.up_proj", "", "mtp.fc", "a"}) {
      if (quantization->lists(module)) NIBBLE_CHECK(quantization->algo_of(module) != QuantAlgo::kNone);
      if (!quantization->quantized() && !quantization->lists(module)) {
        NIBBLE_CHECK(quantization->algo_of(module) == QuantAlgo::kNone);
      }
    }
  }
  return 0;
}
