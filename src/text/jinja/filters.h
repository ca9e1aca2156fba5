// The filters of jinja2 that chat templates use ({{ value|name(arguments) }}).
#pragma once

#include <span>
#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

struct Filter {
  std::string_view name;
  Result<Value> (*apply)(Sandbox& sandbox, const Value& input, const Arguments& arguments);
};

std::span<const Filter> text_filters();
std::span<const Filter> number_filters();
std::span<const Filter> sequence_filters();
std::span<const Filter> selection_filters();

bool is_filter(std::string_view name);
Result<Value> apply_filter(Sandbox& sandbox, std::string_view name, const Value& input, const Arguments& arguments);

}  // namespace nibble::text::jinja
