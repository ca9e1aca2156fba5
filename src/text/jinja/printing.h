// Values as text: Python's str() and repr(), and json.dumps().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

// What {{ value }} prints. Generators and functions are an error: their text in Python is an address.
Status append_text(TextBuilder& out, const Value& value);
Status append_repr(TextBuilder& out, const Value& value);
Result<std::string> text_of(Sandbox& sandbox, const Value& value);
Result<std::string> repr_of(Sandbox& sandbox, const Value& value);

// The arguments of Python's json.dumps(); its defaults but for ensure_ascii, as transformers' tojson has them.
struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // the white space of one level
  std::string_view item_separator = ", ";
  std::string_view key_separator = ": ";
};
Status append_json(TextBuilder& out, const Value& value, const JsonStyle& style);

// Markup's escape(): the five characters HTML cares about.
std::string escape_html(std::string_view text);

}  // namespace nibble::text::jinja
