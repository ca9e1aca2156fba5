// The functions that every template finds: range, dict, namespace, raise_exception, strftime_now.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

// nullopt where there is no such function.
Result<std::optional<Value>> global_function(Sandbox& sandbox, std::string_view name);

}  // namespace nibble::text::jinja
