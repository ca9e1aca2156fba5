// Filters that order, pick from or rebuild sequences and dicts.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "text/jinja/arguments.h"
#include "text/jinja/comparison.h"
#include "text/jinja/filters.h"
#include "text/jinja/lookup.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

Result<Value> list(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("list", {}, arguments));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  if (items->kind == SequenceKind::kList) return Value(items);
  return sandbox.list(items->items);
}

Result<Value> first(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("first", {}, arguments));
  if (const Sequence* generator = input.sequence(); generator != nullptr && !generator->has_length()) {
    if (generator->consumed < generator->items.size()) return generator->items[generator->consumed++];
  }
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  if (items->items.empty()) return Value::undefined("No first item, sequence was empty.");
  return items->items.front();
}

Result<Value> last(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("last", {}, arguments));
  if (input.is_sequence(SequenceKind::kGenerator)) {
    return invalid_input(fmt::format("'{}' object is not reversible", input.type_name()));
  }
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  if (items->items.empty()) return Value::undefined("No last item, sequence was empty.");
  return items->items.back();
}

Result<Value> reverse(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("reverse", {}, arguments));
  if (input.is_string()) return slice_of(sandbox, input, Value(), Value(), Value(std::int64_t{-1}));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  std::vector<Value> reversed(items->items.rbegin(), items->items.rend());
  // Python reverses a generator by making a list of it, the others lazily.
  bool lazy = !input.is_sequence(SequenceKind::kGenerator);
  return sandbox.sequence(lazy ? SequenceKind::kGenerator : SequenceKind::kList, std::move(reversed));
}

// What case-insensitive filters compare instead of a string.
Result<Value> sort_key(Sandbox& sandbox, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return sandbox.string(to_lower(value.string_or_empty()));
}

using Keyed = std::pair<Value, Value>;  // key, item

Result<Value> items_of(Sandbox& sandbox, std::vector<Keyed> entries) {
  std::vector<Value> items;
  items.reserve(entries.size());
  for (Keyed& entry : entries) items.push_back(std::move(entry.second));
  return sandbox.list(std::move(items));
}

// The attributes that sort compares: "age,name" is a list of two.
Result<Value> multiple_key(Sandbox& sandbox, const Value& item, const Value* attribute, bool case_sensitive) {
  if (attribute == nullptr) return sort_key(sandbox, item, case_sensitive);
  std::vector<Value> keys;
  std::string_view rest = attribute->string_or_empty();
  while (true) {
    std::size_t comma = std::min(rest.find(','), rest.size());
    Value path = attribute->is_string() ? Value::string(std::string(rest.substr(0, comma))) : *attribute;
    ASSIGN_OR_RETURN(Value found, attribute_path(sandbox, item, path));
    ASSIGN_OR_RETURN(Value key, sort_key(sandbox, found, case_sensitive));
    keys.push_back(std::move(key));
    if (comma == rest.size()) return sandbox.list(std::move(keys));
    rest.remove_prefix(comma + 1);
  }
}

Result<Value> sort(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("sort", {"reverse", "case_sensitive", "attribute"}, arguments));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  std::vector<Keyed> entries;
  for (const Value& item : items->items) {
    ASSIGN_OR_RETURN(Value key, multiple_key(sandbox, item, parameters.given(2), parameters.truth(1, false)));
    entries.emplace_back(std::move(key), item);
  }
  RETURN_IF_ERROR(sort_by_first(entries, parameters.truth(0, false)));
  return items_of(sandbox, std::move(entries));
}

Result<Value> dictsort(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("dictsort", {"case_sensitive", "by", "reverse"}, arguments));
  ASSIGN_OR_RETURN(auto given_by, parameters.string(1));
  std::string_view by = given_by.value_or("key");
  if (by != "key" && by != "value") return invalid_input("dictsort sorts by 'key' or by 'value'");
  const Dict* dict = input.dict();
  if (dict == nullptr) return invalid_input(fmt::format("dictsort expects a dict, found {}", input.type_name()));
  std::vector<Keyed> entries;
  for (const auto& [key, value] : dict->entries()) {
    ASSIGN_OR_RETURN(Value ordering, sort_key(sandbox, by == "key" ? key : value, parameters.truth(0, false)));
    ASSIGN_OR_RETURN(Value pair, sandbox.tuple({key, value}));
    entries.emplace_back(std::move(ordering), std::move(pair));
  }
  RETURN_IF_ERROR(sort_by_first(entries, parameters.truth(2, false)));
  return items_of(sandbox, std::move(entries));
}

Result<Value> unique(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("unique", {"case_sensitive", "attribute"}, arguments));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  auto same = [](const Value& a, const Value& b) { return equals(a, b); };
  auto hash = [](const Value& value) { return hash_of(value); };
  std::unordered_set<Value, decltype(hash), decltype(same)> seen(items->items.size(), hash, same);
  std::vector<Value> kept;
  for (const Value& item : items->items) {
    Value found = item;
    if (const Value* attribute = parameters.given(1)) {
      ASSIGN_OR_RETURN(found, attribute_path(sandbox, item, *attribute));
    }
    ASSIGN_OR_RETURN(Value key, sort_key(sandbox, found, parameters.truth(0, false)));
    RETURN_IF_ERROR(check_hashable(key));
    if (seen.insert(std::move(key)).second) kept.push_back(item);
  }
  return sandbox.generator(std::move(kept));
}

enum class Extreme { kSmallest, kLargest };

template <Extreme kWanted>
Result<Value> extreme(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("min or max", {"case_sensitive", "attribute"}, arguments));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  if (items->items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  std::optional<Keyed> best;
  for (const Value& item : items->items) {
    Value found = item;
    if (const Value* attribute = parameters.given(1)) {
      ASSIGN_OR_RETURN(found, attribute_path(sandbox, item, *attribute));
    }
    ASSIGN_OR_RETURN(Value key, sort_key(sandbox, found, parameters.truth(0, false)));
    bool better = true;
    if (best) {
      ASSIGN_OR_RETURN(better, kWanted == Extreme::kSmallest ? less(key, best->first) : less(best->first, key));
    }
    if (better) best = Keyed(std::move(key), item);
  }
  return best->second;
}

Result<Value> items(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("items", {}, arguments));
  std::vector<Value> pairs;
  if (const Dict* dict = input.dict()) {
    for (const auto& [key, value] : dict->entries()) {
      ASSIGN_OR_RETURN(Value pair, sandbox.tuple({key, value}));
      pairs.push_back(std::move(pair));
    }
  } else if (!input.is_undefined()) {
    return invalid_input(fmt::format("items expects a mapping, found {}", input.type_name()));
  }
  return sandbox.generator(std::move(pairs));
}

Result<Value> fallback(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("default", {"default_value", "boolean"}, arguments));
  if (!input.is_undefined() && !(parameters.truth(1, false) && !truth_of(input))) return input;
  if (parameters.find(0) != nullptr) return parameters.at(0);
  return sandbox.string("");
}

Result<Value> attribute(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("attr", {"name"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view name, parameters.required_string(0));
  if (const Undefined* undefined = input.undefined()) return undefined_error(*undefined);
  ASSIGN_OR_RETURN(auto found, python_attribute_of(sandbox, input, name));
  if (found) return *std::move(found);
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", input.type_name(), name));
}

constexpr auto kFilters = std::to_array<Filter>({
    {"attr", attribute},
    {"d", fallback},
    {"default", fallback},
    {"dictsort", dictsort},
    {"first", first},
    {"items", items},
    {"last", last},
    {"list", list},
    {"max", extreme<Extreme::kLargest>},
    {"min", extreme<Extreme::kSmallest>},
    {"reverse", reverse},
    {"sort", sort},
    {"unique", unique},
});

}  // namespace

std::span<const Filter> sequence_filters() { return kFilters; }

}  // namespace nibble::text::jinja
