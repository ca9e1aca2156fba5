#include "text/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "text/jinja/comparison.h"
#include "text/jinja/printing.h"

namespace nibble::text::jinja {
namespace {

constexpr std::string_view symbol(Arithmetic operation) {
  switch (operation) {
    case Arithmetic::kAdd: return "+";
    case Arithmetic::kSubtract: return "-";
    case Arithmetic::kMultiply: return "*";
    case Arithmetic::kDivide: return "/";
    case Arithmetic::kFloorDivide: return "//";
    case Arithmetic::kModulo: return "%";
    case Arithmetic::kPower: return "**";
  }
  return "?";
}

std::unexpected<Error> overflow(Arithmetic operation) {
  return invalid_input(fmt::format("the result of '{}' does not fit 64-bit integers", symbol(operation)));
}

std::unexpected<Error> division_by_zero() { return invalid_input("division by zero"); }

std::unexpected<Error> unsupported(Arithmetic operation, const Value& left, const Value& right) {
  return invalid_input(fmt::format("unsupported operand types for {}: '{}' and '{}'", symbol(operation),
                                   left.type_name(), right.type_name()));
}

Result<Value> checked(Arithmetic operation, std::optional<std::int64_t> result) {
  if (!result) return overflow(operation);
  return Value(*result);
}

std::optional<std::int64_t> checked_subtract(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}

// Python's floor division and its remainder, which has the sign of the divisor; b is not zero.
std::optional<std::int64_t> floor_divide(std::int64_t a, std::int64_t b) {
  if (b == -1) return checked_subtract(0, a);
  std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t floor_modulo(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  std::int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

std::optional<std::int64_t> power(std::int64_t base, std::int64_t exponent) {
  std::optional<std::int64_t> result = 1;
  std::optional<std::int64_t> square = base;
  while (exponent > 0) {
    if (exponent % 2 == 1) {
      if (!square) return std::nullopt;
      result = checked_multiply(*result, *square);
      if (!result) return std::nullopt;
    }
    exponent /= 2;
    if (square) square = checked_multiply(*square, *square);
  }
  return result;
}

double floor_modulo(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  return (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

// CPython's float floor division: floor((a - a mod b) / b), corrected for the rounding of that quotient.
double floor_divide(double a, double b) {
  double quotient = (a - floor_modulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

Result<Value> float_power(double base, double exponent) {
  if (base == 0 && exponent < 0) return invalid_input("zero cannot be raised to a negative power");
  double result = std::pow(base, exponent);
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent)) {
    return fail(ErrorCode::kUnsupported, "a power of a negative number with a fraction is complex");
  }
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) return overflow(Arithmetic::kPower);
  return Value(result);
}

double divide(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  if (std::max(a, b) <= kExact && std::min(a, b) >= -kExact) return static_cast<double>(a) / static_cast<double>(b);
  // Python rounds once whatever the size; here the quotient is rounded to long double first, which holds a and b.
  return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}

Result<Value> compute_integers(Arithmetic operation, std::int64_t a, std::int64_t b) {
  switch (operation) {
    case Arithmetic::kAdd: return checked(operation, checked_add(a, b));
    case Arithmetic::kSubtract: return checked(operation, checked_subtract(a, b));
    case Arithmetic::kMultiply: return checked(operation, checked_multiply(a, b));
    case Arithmetic::kPower:
      if (b < 0) return float_power(static_cast<double>(a), static_cast<double>(b));
      return checked(operation, power(a, b));
    case Arithmetic::kDivide:
    case Arithmetic::kFloorDivide:
    case Arithmetic::kModulo: break;
  }
  if (b == 0) return division_by_zero();
  if (operation == Arithmetic::kFloorDivide) return checked(operation, floor_divide(a, b));
  if (operation == Arithmetic::kModulo) return Value(floor_modulo(a, b));
  return Value(divide(a, b));
}

Result<Value> compute_floats(Arithmetic operation, double a, double b) {
  switch (operation) {
    case Arithmetic::kAdd: return Value(a + b);
    case Arithmetic::kSubtract: return Value(a - b);
    case Arithmetic::kMultiply: return Value(a * b);
    case Arithmetic::kPower: return float_power(a, b);
    case Arithmetic::kDivide:
    case Arithmetic::kFloorDivide:
    case Arithmetic::kModulo: break;
  }
  if (b == 0) return division_by_zero();
  if (operation == Arithmetic::kDivide) return Value(a / b);
  return Value(operation == Arithmetic::kFloorDivide ? floor_divide(a, b) : floor_modulo(a, b));
}

Result<Value> add_strings(Sandbox& sandbox, const Text& left, const Text& right) {
  TextBuilder out(sandbox);
  bool safe = left.safe || right.safe;
  for (const Text* part : {&left, &right}) out.append(safe && !part->safe ? escape_html(part->bytes) : part->bytes);
  return std::move(out).finish(safe);
}

Result<Value> add_sequences(Sandbox& sandbox, const Sequence& left, const Sequence& right) {
  std::vector<Value> items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return sandbox.sequence(left.kind, std::move(items));
}

Result<Value> repeat(Sandbox& sandbox, const Value& value, std::int64_t count) {
  if (const Text* text = value.text()) {
    TextBuilder out(sandbox);
    out.append_repeated(text->bytes, count);
    return std::move(out).finish(text->safe);
  }
  const Sequence& sequence = *value.sequence();
  std::size_t times = count > 0 ? static_cast<std::size_t>(count) : 0;
  auto total = checked_multiply(sequence.items.size(), times);
  if (!total || *total > sandbox.limits().weight) {
    return invalid_input(
        fmt::format("a {} repeated to more than {} items", value.type_name(), sandbox.limits().weight));
  }
  std::vector<Value> items;
  items.reserve(*total);
  for (std::size_t i = 0; *total > 0 && i < times; ++i) {
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return sandbox.sequence(sequence.kind, std::move(items));
}

bool is_repeatable(const Value& value) { return value.is_string() || value.is_list() || value.is_tuple(); }

}  // namespace

Result<Value> compute(Sandbox& sandbox, Arithmetic operation, const Value& left, const Value& right) {
  if (operation == Arithmetic::kModulo && left.is_string()) return percent_format(sandbox, *left.text(), right);
  if (left.is_undefined()) return undefined_error(*left.undefined());
  if (right.is_undefined()) return undefined_error(*right.undefined());
  if (operation == Arithmetic::kAdd) {
    if (left.is_string() && right.is_string()) return add_strings(sandbox, *left.text(), *right.text());
    if ((left.is_list() && right.is_list()) || (left.is_tuple() && right.is_tuple())) {
      return add_sequences(sandbox, *left.sequence(), *right.sequence());
    }
  }
  auto a = left.integer();
  auto b = right.integer();
  if (operation == Arithmetic::kMultiply) {
    if (is_repeatable(left) && b) return repeat(sandbox, left, *b);
    if (a && is_repeatable(right)) return repeat(sandbox, right, *a);
  }
  if (!left.is_number() || !right.is_number()) return unsupported(operation, left, right);
  if (a && b) return compute_integers(operation, *a, *b);
  if (!left.is_float() && !right.is_float()) return overflow(operation);
  return compute_floats(operation, *left.number(), *right.number());
}

Result<Value> negate(const Value& operand) {
  if (const Undefined* undefined = operand.undefined()) return undefined_error(*undefined);
  if (auto integer = operand.integer()) return checked(Arithmetic::kSubtract, checked_subtract(0, *integer));
  if (const double* real = operand.real()) return Value(-*real);
  if (operand.huge_integer()) return overflow(Arithmetic::kSubtract);
  return invalid_input(fmt::format("bad operand type for unary -: '{}'", operand.type_name()));
}

Result<Value> unary_plus(const Value& operand) {
  if (const Undefined* undefined = operand.undefined()) return undefined_error(*undefined);
  if (auto integer = operand.integer()) return Value(*integer);
  if (operand.is_number()) return operand;
  return invalid_input(fmt::format("bad operand type for unary +: '{}'", operand.type_name()));
}

}  // namespace nibble::text::jinja
