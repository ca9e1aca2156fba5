// Arguments of filters, tests, methods and functions, matched to parameter names as Python does.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

class Parameters {
 public:
  // names: all parameters in order; the first `required` of them must be given. callee is for the messages.
  static Result<Parameters> bind(std::string_view callee, std::initializer_list<std::string_view> names,
                                 const Arguments& arguments, std::size_t required = 0);

  // nullptr where the argument was not given; given() also where it is None.
  const Value* find(std::size_t index) const { return values_[index]; }
  const Value* given(std::size_t index) const;
  // Of a required parameter.
  const Value& at(std::size_t index) const { return *values_[index]; }

  bool truth(std::size_t index, bool fallback) const;
  Result<std::int64_t> integer(std::size_t index, std::int64_t fallback) const;
  // The string; an error for any other type. nullopt where absent or None.
  Result<std::optional<std::string_view>> string(std::size_t index) const;
  Result<std::string_view> required_string(std::size_t index) const;

 private:
  std::string_view callee_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace nibble::text::jinja
