// Arithmetic on values, as Python's operators define it, on 64-bit integers: overflow is an error.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

enum class Arithmetic : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

Result<Value> compute(Sandbox& sandbox, Arithmetic operation, const Value& left, const Value& right);

Result<Value> negate(const Value& operand);
Result<Value> unary_plus(const Value& operand);

// Python's format % arguments for strings (percent_format.cc).
Result<Value> percent_format(Sandbox& sandbox, const Text& format, const Value& arguments);

}  // namespace nibble::text::jinja
