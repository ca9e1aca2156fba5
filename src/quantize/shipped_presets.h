// The files of presets/, compiled in (CMakeLists.txt fills shipped_presets.cc.in): configurations of known models.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::quantize {

// The config.json of a model by name ("qwen3.6-35b-a3b").
Result<std::string_view> preset_config(std::string_view name);
std::vector<std::string_view> preset_names();

}  // namespace nibble::quantize
