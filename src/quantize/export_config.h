// The two configuration files that tell other programs how a ModelOpt checkpoint is quantized (formats §1.4).
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "quantize/plan.h"

namespace nibble::quantize {

// hf_quant_config.json.
std::string hf_quant_config(const Plan& plan, std::string_view kv_cache_algo);

// config.json: the original members as they are, and quantization_config, which says the same in another spelling.
std::string config_with_quantization(JsonView original, const Plan& plan, std::string_view kv_cache_algo);

}  // namespace nibble::quantize
