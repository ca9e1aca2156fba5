#include "text/jinja/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/comparison.h"

namespace nibble::text::jinja {

Result<Parameters> Parameters::bind(std::string_view callee, std::initializer_list<std::string_view> names,
                                    const Arguments& arguments, std::size_t required) {
  Parameters parameters;
  parameters.callee_ = callee;
  parameters.names_ = names;
  parameters.values_.resize(names.size());
  if (arguments.positional.size() > names.size()) {
    return invalid_input(
        fmt::format("{} takes at most {} arguments, found {}", callee, names.size(), arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) parameters.values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    auto index = static_cast<std::size_t>(std::ranges::find(parameters.names_, name) - parameters.names_.begin());
    if (index == names.size()) return invalid_input(fmt::format("{} takes no argument named '{}'", callee, name));
    if (parameters.values_[index] != nullptr) {
      return invalid_input(fmt::format("{} got two values for its argument '{}'", callee, name));
    }
    parameters.values_[index] = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (parameters.values_[i] == nullptr) {
      return invalid_input(fmt::format("{} needs its argument '{}'", callee, parameters.names_[i]));
    }
  }
  return parameters;
}

const Value* Parameters::given(std::size_t index) const {
  const Value* value = values_[index];
  return value != nullptr && !value->is_none() ? value : nullptr;
}

bool Parameters::truth(std::size_t index, bool fallback) const {
  return values_[index] != nullptr ? truth_of(*values_[index]) : fallback;
}

Result<std::int64_t> Parameters::integer(std::size_t index, std::int64_t fallback) const {
  const Value* value = values_[index];
  if (value == nullptr) return fallback;
  if (auto number = value->integer()) return *number;
  return invalid_input(
      fmt::format("{} expects an integer as '{}', found {}", callee_, names_[index], value->type_name()));
}

Result<std::optional<std::string_view>> Parameters::string(std::size_t index) const {
  const Value* value = given(index);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->string_or_empty();
  return invalid_input(
      fmt::format("{} expects a string as '{}', found {}", callee_, names_[index], value->type_name()));
}

Result<std::string_view> Parameters::required_string(std::size_t index) const {
  ASSIGN_OR_RETURN(auto text, string(index));
  if (!text) return invalid_input(fmt::format("{} expects a string as '{}', found None", callee_, names_[index]));
  return *text;
}

}  // namespace nibble::text::jinja
