// Template source to tokens, with jinja2's trim_blocks and lstrip_blocks, as transformers sets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::text::jinja {

enum class TokenKind : std::uint8_t {
  kText,  // what stands outside the tags, white space control applied
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,  // unescaped
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  int line;          // from 1
  std::string text;  // of a number: as written, without underscores
  std::int64_t integer = 0;
  double real = 0;
};

// Ends with a kEnd token. Errors name the line.
Result<std::vector<Token>> tokenize(std::string_view source);

// The text between the quotes of a string literal, escapes replaced as Python's "unicode-escape" does.
Result<std::string> unescape(std::string_view literal);

}  // namespace nibble::text::jinja
