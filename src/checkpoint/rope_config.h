// The rotary embedding's part of a config.json, in every spelling that the field has used.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/model_config.h"

namespace nibble::checkpoint {

// text is text_config, or the root of a flat file. `rope_parameters`, or `rope_scaling` as older files call it, holds
// type, theta, partial factor and M-RoPE; theta and partial factor may also stand beside it. The inner value wins.
Result<RopeConfig> parse_rope_config(JsonView text, std::int64_t head_dim, std::int64_t max_context);

}  // namespace nibble::checkpoint
