// Methods of strings, dicts, lists, tuples and ranges, and the work they share with filters.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

struct Method {
  std::string_view name;
  Result<Value> (*call)(Sandbox& sandbox, const Value& self, const Arguments& arguments);
};

std::span<const Method> string_methods();
std::span<const Method> dict_methods();
std::span<const Method> sequence_methods();  // of lists, tuples and ranges

// object.name as a callable; nullopt where Python's type has no such method. Methods that change their object give
// an undefined value, as in the immutable sandbox; methods of Python that nibble lacks give an error.
Result<std::optional<Value>> bind_method(Sandbox& sandbox, const Value& object, std::string_view name);

// str.replace(); all occurrences where count is negative.
Result<Value> replace_text(Sandbox& sandbox, std::string_view text, std::string_view old_text,
                           std::string_view new_text, std::int64_t count);

// str.splitlines()
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

enum class Justification { kLeft, kRight, kCenter };
Result<Value> justify(Sandbox& sandbox, std::string_view text, std::int64_t width, std::string_view fill,
                      Justification justification);

}  // namespace nibble::text::jinja
