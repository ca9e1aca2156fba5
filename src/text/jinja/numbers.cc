#include "text/jinja/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "base/checked.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// Removes "0x", "0o" or "0b" where the base allows it; base 0 becomes what the prefix says.
bool take_prefix(std::string_view& text, std::int64_t& base) {
  std::int64_t named = 0;
  if (text.size() >= 2 && text[0] == '0') {
    char letter = static_cast<char>(text[1] | 0x20);
    named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  }
  if (named != 0 && (base == 0 || base == named)) {
    text.remove_prefix(2);
    base = named;
    return true;
  }
  if (base == 0) base = 10;
  return false;
}

// Removes underscores that stand between digits; nullopt where one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_decimal(text[i - 1]) || !is_decimal(text[i + 1])) {
      return std::nullopt;
    }
  }
  return plain;
}

}  // namespace

Result<std::optional<std::int64_t>> parse_integer(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return invalid_input("int() base must be >= 2 and <= 36, or 0");
  text = strip(text);
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  bool decimal_by_default = base == 0;
  bool after_digit = take_prefix(text, base);  // an underscore may follow a prefix
  bool leading_zero = text.starts_with('0');
  std::optional<std::int64_t> number = 0;
  bool any = false;
  for (char c : text) {
    if (c == '_') {
      if (!after_digit) return std::nullopt;
      after_digit = false;
      continue;
    }
    int digit = digit_of(c);
    if (digit >= base) return std::nullopt;
    after_digit = any = true;
    if (number) number = checked_multiply(*number, base);
    if (number) number = checked_add<std::int64_t>(*number, negative ? -digit : digit);
  }
  if (!any || !after_digit) return std::nullopt;
  if (!number) return invalid_input(fmt::format("the integer '{}' does not fit 64 bits", text));
  if (decimal_by_default && base == 10 && leading_zero && *number != 0) return std::nullopt;
  return *number;
}

std::optional<double> parse_float(std::string_view text) {
  auto plain = without_underscores(strip(text));
  if (!plain) return std::nullopt;
  std::string_view digits = *plain;
  bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  // from_chars would take a second sign, "nan(…)", and nothing for a missing number.
  bool word = digits.size() == 3 || digits.size() == 8;
  bool number = !digits.empty() && (is_decimal(digits[0]) || digits[0] == '.');
  if (!word && !number) return std::nullopt;
  if (!number && digits[0] != 'i' && digits[0] != 'I' && digits[0] != 'n' && digits[0] != 'N') return std::nullopt;
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too large or too small; the decimal exponent tells which.
    std::size_t exponent = digits.find_first_of("eE");
    bool tiny = exponent != std::string_view::npos ? digits.substr(exponent + 1).starts_with('-')
                                                   : digits.starts_with('0') || digits.starts_with('.');
    value = tiny ? 0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -value : value;
}

double round_to(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits >= 0) {
    // The decimal expansion of a double is exact here, and ties go to even: what CPython computes as well.
    return parse_float(fmt::format("{:.{}f}", value, digits)).value_or(value);
  }
  double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

}  // namespace nibble::text::jinja
