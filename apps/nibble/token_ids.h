// Token ids as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::apps {

using TokenId = std::int32_t;

// Decimal numbers between white space, commas or brackets: what `nibble tokenize` prints, with --json or without. The
// error names the place of what is not a number.
Result<std::vector<TokenId>> parse_token_ids(std::string_view text);

}  // namespace nibble::apps
