#include "text/jinja/methods.h"

#include <fmt/format.h>

#include <algorithm>

namespace nibble::text::jinja {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kStringOnlyInPython[] = {"casefold",    "encode",    "expandtabs", "format",
                                                    "format_map",  "isascii",   "isdecimal",  "isidentifier",
                                                    "isprintable", "maketrans", "translate"};
constexpr std::string_view kDictOnlyInPython[] = {"fromkeys"};
constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListOnlyInPython[] = {"copy"};
constexpr std::string_view kListChanges[] = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};

struct MethodTable {
  std::span<const Method> methods;
  Names only_in_python;
  Names changes;
};

MethodTable methods_of(const Value& object) {
  if (object.is_string()) return {string_methods(), kStringOnlyInPython, {}};
  if (object.is_dict()) return {dict_methods(), kDictOnlyInPython, kDictChanges};
  if (object.is_list()) return {sequence_methods(), kListOnlyInPython, kListChanges};
  if (object.is_tuple() || object.is_sequence(SequenceKind::kRange)) return {sequence_methods(), {}, {}};
  return {};
}

bool has(Names names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

}  // namespace

Result<std::optional<Value>> bind_method(Sandbox& sandbox, const Value& object, std::string_view name) {
  MethodTable table = methods_of(object);
  for (const Method& method : table.methods) {
    if (method.name != name) continue;
    auto call = [&sandbox, self = object, function = method.call](const Arguments& arguments) {
      return function(sandbox, self, arguments);
    };
    ASSIGN_OR_RETURN(Value bound, sandbox.callable(std::string(name), std::move(call)));
    return bound;
  }
  if (has(table.changes, name) || name.starts_with("__")) {
    return Value::undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, object.type_name()));
  }
  if (has(table.only_in_python, name)) {
    return fail(ErrorCode::kUnsupported, fmt::format("the method {}.{}() of Python", object.type_name(), name));
  }
  return std::nullopt;
}

}  // namespace nibble::text::jinja
