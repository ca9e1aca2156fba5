// The config.json of a synthetic checkpoint: a given one with layers, vision tower or MTP head changed.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace nibble::quantize {

struct ConfigChanges {
  std::int64_t layers = 0;  // 0: as many as the configuration has
  bool vision = true;       // false: without a vision tower
  bool mtp = true;          // false: without an MTP head
};

// All other members stay as they are. More layers than the configuration has repeat its pattern of layer types.
Result<std::string> changed_config(JsonView config, const ConfigChanges& changes);

}  // namespace nibble::quantize
