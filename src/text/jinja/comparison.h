// Order and identity of values, as Python's operators define them.
#pragma once

#include <compare>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

// False for None, zero, empty strings and containers, and what is undefined; a generator is always true.
bool truth_of(const Value& value);

// Numbers compare exactly, also an integer with a float; NaN is unordered. Both must be numbers.
std::partial_ordering compare_numbers(const Value& a, const Value& b);

// For <, <=, >, >= (operation is its symbol, for the message): numbers, strings by code point, lists and tuples item
// by item. Other pairs are an error, as in Python.
Result<std::partial_ordering> order(const Value& a, const Value& b, std::string_view operation);

// a < b, as sort, min and max ask for it.
Result<bool> less(const Value& a, const Value& b);

// Sorts by the first of each pair, stable also in reverse, as sorted() does. An error where two do not compare.
Status sort_by_first(std::vector<std::pair<Value, Value>>& pairs, bool reverse);

// The error that any use of an undefined value gives.
std::unexpected<Error> undefined_error(const Undefined& undefined);

}  // namespace nibble::text::jinja
