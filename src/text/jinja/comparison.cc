#include "text/jinja/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <list>

namespace nibble::text::jinja {
namespace {

// 2^63 and 2^64 as doubles: from here on a double does not fit the integer type.
constexpr double kBeyondInteger = 9223372036854775808.0;
constexpr double kBeyondHuge = 18446744073709551616.0;

// Places the double against an integer that it cannot be converted to.
std::partial_ordering compare_integer(std::int64_t a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= kBeyondInteger) return std::partial_ordering::less;
  if (b < -kBeyondInteger) return std::partial_ordering::greater;
  auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return a <=> whole;
  return 0.0 <=> b - static_cast<double>(whole);
}

std::partial_ordering compare_huge(std::uint64_t a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= kBeyondHuge) return std::partial_ordering::less;
  if (b < kBeyondInteger) return std::partial_ordering::greater;
  return a <=> static_cast<std::uint64_t>(b);  // no fractions at this size
}

bool equal_sequences(const Sequence& a, const Sequence& b) {
  if (a.kind != b.kind || a.kind == SequenceKind::kGenerator || a.kind == SequenceKind::kDictValues) return false;
  if (a.items.size() != b.items.size()) return false;
  if (!a.is_view()) return std::ranges::equal(a.items, b.items, equals);
  // Keys and items of a dict compare as sets; neither has a member twice.
  return std::ranges::all_of(a.items, [&](const Value& item) {
    return std::ranges::any_of(b.items, [&](const Value& other) { return equals(item, other); });
  });
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(a.entries(), [&](const Dict::Entry& entry) {
    const Value* other = b.find(entry.first);
    return other != nullptr && equals(entry.second, *other);
  });
}

std::size_t combine(std::size_t seed, std::size_t hash) {
  return seed ^ (hash + 0x9E3779B97F4A7C15u + (seed << 6) + (seed >> 2));
}

std::size_t hash_of_double(double number) {
  if (number == std::floor(number)) {
    if (number >= -kBeyondInteger && number < kBeyondInteger) {
      return std::hash<std::int64_t>{}(static_cast<std::int64_t>(number));
    }
    if (number >= 0 && number < kBeyondHuge) return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(number));
  }
  return std::hash<double>{}(number);
}

Result<std::partial_ordering> order_sequences(const Sequence& a, const Sequence& b, std::string_view operation) {
  std::size_t common = std::min(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (!equals(a.items[i], b.items[i])) return order(a.items[i], b.items[i], operation);
  }
  return std::partial_ordering(a.items.size() <=> b.items.size());
}

}  // namespace

std::unexpected<Error> undefined_error(const Undefined& undefined) { return invalid_input(*undefined.reason); }

bool truth_of(const Value& value) {
  if (const bool* truth = value.boolean()) return *truth;
  if (auto number = value.number()) return *number != 0;
  if (const Text* text = value.text()) return !text->bytes.empty();
  if (const Sequence* sequence = value.sequence()) return !sequence->has_length() || !sequence->items.empty();
  if (const Dict* dict = value.dict()) return dict->size() != 0;
  return !value.is_none() && !value.is_undefined();
}

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (const double* real = b.real()) {
    if (const double* other = a.real()) return *other <=> *real;
    if (auto integer = a.integer()) return compare_integer(*integer, *real);
    return compare_huge(a.huge_integer().value_or(0), *real);
  }
  if (a.is_float()) return 0 <=> compare_numbers(b, a);
  auto left = a.integer();
  auto right = b.integer();
  if (left && right) return *left <=> *right;
  if (left) return std::partial_ordering::less;
  if (right) return std::partial_ordering::greater;
  return a.huge_integer().value_or(0) <=> b.huge_integer().value_or(0);
}

bool equals(const Value& a, const Value& b) {
  if (const Text* text = a.text()) return b.is_string() && text->bytes == b.text()->bytes;
  if (a.is_number()) return b.is_number() && compare_numbers(a, b) == 0;
  if (a.is_none()) return b.is_none();
  if (a.is_undefined()) return b.is_undefined();
  if (a.same_as(b)) return true;
  if (a.sequence() != nullptr && b.sequence() != nullptr) return equal_sequences(*a.sequence(), *b.sequence());
  if (a.is_dict() && b.is_dict()) return equal_dicts(*a.dict(), *b.dict());
  return false;
}

std::size_t hash_of(const Value& value) {
  if (const Text* text = value.text()) return std::hash<std::string>{}(text->bytes);
  if (auto integer = value.integer()) return std::hash<std::int64_t>{}(*integer);
  if (auto huge = value.huge_integer()) return std::hash<std::uint64_t>{}(*huge);
  if (const double* real = value.real()) return hash_of_double(*real);
  std::size_t hash = std::hash<std::string_view>{}(value.type_name());
  if (value.is_tuple()) {
    for (const Value& item : value.sequence()->items) hash = combine(hash, hash_of(item));
  }
  return hash;
}

std::optional<std::string_view> unhashable_type(const Value& value) {
  if (value.is_list() || value.is_dict() || value.is_sequence(SequenceKind::kDictKeys) ||
      value.is_sequence(SequenceKind::kDictItems)) {
    return value.type_name();
  }
  if (value.is_tuple()) {
    for (const Value& item : value.sequence()->items) {
      if (auto type = unhashable_type(item)) return type;
    }
  }
  return std::nullopt;
}

Result<std::partial_ordering> order(const Value& a, const Value& b, std::string_view operation) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  // Bytes of UTF-8 order as code points do.
  if (a.is_string() && b.is_string()) return std::partial_ordering(a.text()->bytes <=> b.text()->bytes);
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    return order_sequences(*a.sequence(), *b.sequence(), operation);
  }
  if (a.is_undefined()) return undefined_error(*a.undefined());
  if (b.is_undefined()) return undefined_error(*b.undefined());
  return invalid_input(
      fmt::format("'{}' not supported between instances of '{}' and '{}'", operation, a.type_name(), b.type_name()));
}

Result<bool> less(const Value& a, const Value& b) {
  ASSIGN_OR_RETURN(std::partial_ordering ordering, order(a, b, "<"));
  return ordering < 0;
}

Status sort_by_first(std::vector<std::pair<Value, Value>>& pairs, bool reverse) {
  Status status;
  auto before = [&](const auto& a, const auto& b) {
    if (!status) return false;
    Result<bool> result = reverse ? less(b.first, a.first) : less(a.first, b.first);
    if (result) return *result;
    status = std::unexpected(std::move(result).error());
    return false;
  };
  // A list's merge sort stays within its bounds where the order is none, as with NaN or after an error.
  std::list<std::pair<Value, Value>> sorted(std::make_move_iterator(pairs.begin()),
                                            std::make_move_iterator(pairs.end()));
  sorted.sort(before);
  pairs.assign(std::make_move_iterator(sorted.begin()), std::make_move_iterator(sorted.end()));
  return status;
}

}  // namespace nibble::text::jinja
