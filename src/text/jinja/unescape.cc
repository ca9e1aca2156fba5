// Escapes of string literals (lexer.h).
#include <fmt/format.h>

#include "text/jinja/lexer.h"
#include "text/unicode.h"

namespace nibble::text::jinja {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// Exactly `count` hexadecimal digits.
Result<char32_t> read_hexadecimal(std::string_view literal, std::size_t position, std::size_t count) {
  char32_t code_point = 0;
  for (std::size_t i = 0; i < count; ++i) {
    int digit = position + i < literal.size() ? digit_value(literal[position + i]) : 16;
    if (digit == 16) return invalid_input("a truncated escape in a string");
    code_point = code_point << 4 | static_cast<char32_t>(digit);
  }
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
    return invalid_input(
        fmt::format("the escape U+{:X} in a string is no character", static_cast<std::uint32_t>(code_point)));
  }
  return code_point;
}

// At most three octal digits.
char32_t read_octal(std::string_view literal, std::size_t& position) {
  char32_t code_point = 0;
  for (int i = 0; i < 3 && position < literal.size() && digit_value(literal[position]) < 8; ++i, ++position) {
    code_point = code_point << 3 | static_cast<char32_t>(digit_value(literal[position]));
  }
  return code_point;
}

// What a one-letter escape stands for; nullptr where there is no such escape.
const char* simple_escape(char letter) {
  switch (letter) {
    case '\n': return "";  // a line continues
    case '\\': return "\\";
    case '\'': return "'";
    case '"': return "\"";
    case 'a': return "\a";
    case 'b': return "\b";
    case 'f': return "\f";
    case 'n': return "\n";
    case 'r': return "\r";
    case 't': return "\t";
    case 'v': return "\v";
    default: return nullptr;
  }
}

}  // namespace

Result<std::string> unescape(std::string_view literal) {
  std::string text;
  for (std::size_t position = 0; position < literal.size();) {
    char c = literal[position++];
    if (c != '\\' || position == literal.size()) {
      text += c;
      continue;
    }
    char letter = literal[position];
    if (const char* replacement = simple_escape(letter)) {
      text += replacement;
      ++position;
    } else if (letter >= '0' && letter <= '7') {
      append_utf8(read_octal(literal, position), text);
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      std::size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
      ASSIGN_OR_RETURN(char32_t code_point, read_hexadecimal(literal, position + 1, digits));
      append_utf8(code_point, text);
      position += 1 + digits;
    } else if (letter == 'N') {
      return fail(ErrorCode::kUnsupported, "characters by name, \\N{…}, in a string");
    } else {
      text += '\\';  // an unknown escape stays as it is
    }
  }
  return text;
}

}  // namespace nibble::text::jinja
