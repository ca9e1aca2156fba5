// The Split expression of tokenizer.json, from the dialect of Hugging Face `tokenizers` to that of PCRE2.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble::text {

// tokenizer.json means Oniguruma's Ruby syntax with the character classes of Unicode 16; PCRE2 10.42 knows Unicode 14
// and other white space. The result is a PCRE2 pattern (UTF, UCP) that matches the same text. Understood is what
// tokenizers are made of and both engines agree on: alternatives, (?:), (?i:), (?=), (?!), character classes,
// quantifiers, \s \S, \p{L} \p{M} \p{N} and their complements. Anything else is kUnsupported.
Result<std::string> translate_pattern(std::string_view oniguruma);

}  // namespace nibble::text
