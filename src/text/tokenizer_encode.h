// Text to ids.
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/tokenizer_model.h"

namespace nibble::text {

enum class AddedTokens { kFind, kTreatAsText };

// text must be valid UTF-8.
Result<std::vector<TokenId>> encode_text(const TokenizerModel& model, std::string_view text, AddedTokens added);

}  // namespace nibble::text
