// Methods of dicts, lists and tuples (methods.h).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/jinja/arguments.h"
#include "text/jinja/lookup.h"
#include "text/jinja/methods.h"

namespace nibble::text::jinja {
namespace {

Result<Value> get(Sandbox&, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("get", {"key", "default"}, arguments, 1));
  RETURN_IF_ERROR(check_hashable(parameters.at(0)));
  const Value* found = self.dict()->find(parameters.at(0));
  if (found != nullptr) return *found;
  return parameters.find(1) != nullptr ? parameters.at(1) : Value();
}

Result<Value> keys(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("keys", {}, arguments));
  std::vector<Value> found;
  for (const auto& entry : self.dict()->entries()) found.push_back(entry.first);
  return sandbox.sequence(SequenceKind::kDictKeys, std::move(found));
}

Result<Value> values(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("values", {}, arguments));
  std::vector<Value> found;
  for (const auto& entry : self.dict()->entries()) found.push_back(entry.second);
  return sandbox.sequence(SequenceKind::kDictValues, std::move(found));
}

Result<Value> items(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("items", {}, arguments));
  std::vector<Value> found;
  for (const auto& [key, value] : self.dict()->entries()) {
    ASSIGN_OR_RETURN(Value pair, sandbox.tuple({key, value}));
    found.push_back(std::move(pair));
  }
  return sandbox.sequence(SequenceKind::kDictItems, std::move(found));
}

// Nothing can change a dict, so a copy may be the same object.
Result<Value> copy(Sandbox&, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("copy", {}, arguments));
  return self;
}

Result<Value> count(Sandbox&, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("count", {"value"}, arguments, 1));
  auto equal = [&](const Value& item) { return equals(item, parameters.at(0)); };
  return Value(static_cast<std::int64_t>(std::ranges::count_if(self.sequence()->items, equal)));
}

Result<Value> index(Sandbox&, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("index", {"value", "start", "stop"}, arguments, 1));
  const std::vector<Value>& found = self.sequence()->items;
  auto length = static_cast<std::int64_t>(found.size());
  auto clip = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + length : at, 0, length); };
  ASSIGN_OR_RETURN(std::int64_t start, parameters.integer(1, 0));
  ASSIGN_OR_RETURN(std::int64_t stop, parameters.integer(2, length));
  for (std::int64_t at = clip(start); at < clip(stop); ++at) {
    if (equals(found[static_cast<std::size_t>(at)], parameters.at(0))) return Value(at);
  }
  return invalid_input(fmt::format("the value is not in the {}", self.type_name()));
}

constexpr auto kDictMethods = std::to_array<Method>({
    {"copy", copy},
    {"get", get},
    {"items", items},
    {"keys", keys},
    {"values", values},
});

constexpr auto kSequenceMethods = std::to_array<Method>({
    {"count", count},
    {"index", index},
});

}  // namespace

std::span<const Method> dict_methods() { return kDictMethods; }
std::span<const Method> sequence_methods() { return kSequenceMethods; }

}  // namespace nibble::text::jinja
