// The tests of jinja2 ({% if value is name(arguments) %}).
#pragma once

#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

bool is_test(std::string_view name);
Result<bool> apply_test(Sandbox& sandbox, std::string_view name, const Value& value, const Arguments& arguments);

}  // namespace nibble::text::jinja
