// Numbers out of strings and rounding, as Python's int(), float() and round() do them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace nibble::text::jinja {

// int(text, base): white space around, a sign, single underscores between digits; base 0 and the bases 2, 8 and 16
// read prefixes. nullopt where Python raises ValueError; an error where the number does not fit 64 bits.
Result<std::optional<std::int64_t>> parse_integer(std::string_view text, std::int64_t base);

// float(text): also "inf" and "nan" in any case. nullopt where Python raises ValueError.
std::optional<double> parse_float(std::string_view text);

// round(value, digits): to the nearest decimal, halves that are exact to even.
double round_to(double value, std::int64_t digits);

}  // namespace nibble::text::jinja
