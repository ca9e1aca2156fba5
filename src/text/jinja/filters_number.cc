// Filters from a value to a number.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "text/jinja/arguments.h"
#include "text/jinja/comparison.h"
#include "text/jinja/filters.h"
#include "text/jinja/lookup.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"

namespace nibble::text::jinja {
namespace {

// The integer part, or nullopt where Python's int() raises ValueError or OverflowError; an error where it is beyond
// 64 bits.
Result<std::optional<std::int64_t>> truncate(double real) {
  if (!std::isfinite(real)) return std::nullopt;
  if (!(std::abs(real) < 9223372036854775808.0)) {
    return invalid_input(fmt::format("int: {} does not fit 64-bit integers", real));
  }
  return static_cast<std::int64_t>(real);
}

Result<Value> to_integer(Sandbox&, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("int", {"default", "base"}, arguments));
  if (const Undefined* undefined = input.undefined()) return undefined_error(*undefined);
  if (input.is_integer() || input.is_bool()) return unary_plus(input);
  std::optional<double> real = input.number();
  if (const Text* text = input.text()) {
    ASSIGN_OR_RETURN(std::int64_t base, parameters.integer(1, 10));
    ASSIGN_OR_RETURN(auto number, parse_integer(text->bytes, base));
    if (number) return Value(*number);
    real = parse_float(text->bytes);  // so that "42.23" gives 42
  }
  if (real) {
    // An infinite float is the one input whose OverflowError jinja2 lets through.
    if (input.is_float() && std::isinf(*real)) return invalid_input("int: infinity is no integer");
    ASSIGN_OR_RETURN(auto whole, truncate(*real));
    if (whole) return Value(*whole);
  }
  return parameters.find(0) != nullptr ? parameters.at(0) : Value(std::int64_t{0});
}

Result<Value> to_float(Sandbox&, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("float", {"default"}, arguments));
  if (const Undefined* undefined = input.undefined()) return undefined_error(*undefined);
  std::optional<double> real = input.number();
  if (const Text* text = input.text()) real = parse_float(text->bytes);
  if (real) return Value(*real);
  return parameters.find(0) != nullptr ? parameters.at(0) : Value(0.0);
}

Result<Value> absolute(Sandbox&, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("abs", {}, arguments));
  if (const Undefined* undefined = input.undefined()) return undefined_error(*undefined);
  if (!input.is_number()) return invalid_input(fmt::format("bad operand type for abs(): '{}'", input.type_name()));
  if (const double* real = input.real()) return Value(std::abs(*real));
  if (auto integer = input.integer(); integer && *integer < 0) return negate(input);
  return unary_plus(input);
}

// round() of an integer: digits behind the point change nothing, digits before it round half to even.
Result<Value> round_integer(const Value& input, std::int64_t digits) {
  if (digits >= 0) return unary_plus(input);
  if (!input.integer()) return invalid_input("round: an integer beyond 64 bits");
  if (digits < -18) return Value(std::int64_t{0});
  std::int64_t number = *input.integer();
  std::int64_t scale = 1;
  for (std::int64_t i = 0; i < -digits; ++i) scale *= 10;
  std::int64_t quotient = number / scale;
  std::int64_t remainder = std::abs(number % scale);
  bool away = remainder > scale / 2 || (remainder == scale / 2 && quotient % 2 != 0);
  std::int64_t rounded = 0;
  if (__builtin_mul_overflow(quotient + (away ? (number < 0 ? -1 : 1) : 0), scale, &rounded)) {
    return invalid_input("round: the result does not fit 64-bit integers");
  }
  return Value(rounded);
}

Result<Value> round(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("round", {"precision", "method"}, arguments));
  ASSIGN_OR_RETURN(std::int64_t precision, parameters.integer(0, 0));
  ASSIGN_OR_RETURN(auto given_method, parameters.string(1));
  std::string_view method = given_method.value_or("common");
  if (method != "common" && method != "ceil" && method != "floor") {
    return invalid_input("round: the method must be common, ceil or floor");
  }
  if (const Undefined* undefined = input.undefined()) return undefined_error(*undefined);
  if (!input.is_number()) return invalid_input(fmt::format("round expects a number, found {}", input.type_name()));
  if (method == "common") {
    return input.is_float() ? Value(round_to(*input.real(), precision)) : round_integer(input, precision);
  }
  ASSIGN_OR_RETURN(Value scale, compute(sandbox, Arithmetic::kPower, Value(std::int64_t{10}), Value(precision)));
  ASSIGN_OR_RETURN(Value scaled, compute(sandbox, Arithmetic::kMultiply, input, scale));
  if (const double* real = scaled.real()) {
    ASSIGN_OR_RETURN(auto whole, truncate(method == "ceil" ? std::ceil(*real) : std::floor(*real)));
    if (!whole) return invalid_input("round: no integer is near this number");
    scaled = Value(*whole);
  }
  return compute(sandbox, Arithmetic::kDivide, scaled, scale);
}

Result<Value> length(Sandbox&, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("length", {}, arguments));
  ASSIGN_OR_RETURN(std::int64_t items, length_of(input));
  return Value(items);
}

Result<Value> sum(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("sum", {"attribute", "start"}, arguments));
  Value total = parameters.find(1) != nullptr ? parameters.at(1) : Value(std::int64_t{0});
  if (total.is_string()) return invalid_input("sum() can't sum strings; use join");
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  for (const Value& item : items->items) {
    RETURN_IF_ERROR(sandbox.step(1 + total.weight()));
    Value part = item;
    if (const Value* attribute = parameters.given(0)) {
      ASSIGN_OR_RETURN(part, attribute_path(sandbox, item, *attribute));
    }
    ASSIGN_OR_RETURN(total, compute(sandbox, Arithmetic::kAdd, total, part));
  }
  return total;
}

constexpr auto kFilters = std::to_array<Filter>({
    {"abs", absolute},
    {"count", length},
    {"float", to_float},
    {"int", to_integer},
    {"length", length},
    {"round", round},
    {"sum", sum},
});

}  // namespace

std::span<const Filter> number_filters() { return kFilters; }

}  // namespace nibble::text::jinja
