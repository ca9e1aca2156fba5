#include "text/jinja/tests.h"

#include <fmt/format.h>

#include <array>

#include "text/jinja/arguments.h"
#include "text/jinja/comparison.h"
#include "text/jinja/filters.h"
#include "text/jinja/lookup.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

Result<bool> has_remainder(Sandbox& sandbox, const Value& value, std::int64_t divisor, std::int64_t remainder) {
  ASSIGN_OR_RETURN(Value found, compute(sandbox, Arithmetic::kModulo, value, Value(divisor)));
  return equals(found, Value(remainder));
}

// str.isupper() or str.islower(): at least one cased letter, and none of the other case.
Result<bool> has_case(Sandbox& sandbox, const Value& value, bool (*wanted)(char32_t)) {
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, value));
  return is_all_case(text, wanted);
}

bool is_sequence(const Value& value) {
  const Sequence* sequence = value.sequence();
  return value.is_string() || value.is_dict() || value.is_undefined() || (sequence != nullptr && sequence->has_index());
}

struct PlainTest {
  std::string_view name;
  bool (*holds)(const Value& value);
};

constexpr auto kPlainTests = std::to_array<PlainTest>({
    {"boolean", [](const Value& value) { return value.is_bool(); }},
    {"callable",
     [](const Value& value) { return value.callable() != nullptr || value.loop() || value.is_undefined(); }},
    {"defined", [](const Value& value) { return !value.is_undefined(); }},
    {"escaped", [](const Value& value) { return value.is_string() && value.text()->safe; }},
    {"false", [](const Value& value) { return value.is_bool() && !truth_of(value); }},
    {"float", [](const Value& value) { return value.is_float(); }},
    {"integer", [](const Value& value) { return value.is_integer(); }},
    {"iterable", [](const Value& value) { return is_iterable(value); }},
    {"mapping", [](const Value& value) { return value.is_dict(); }},
    {"none", [](const Value& value) { return value.is_none(); }},
    {"number", [](const Value& value) { return value.is_number(); }},
    {"sequence", is_sequence},
    {"string", [](const Value& value) { return value.is_string(); }},
    {"true", [](const Value& value) { return value.is_bool() && truth_of(value); }},
    {"undefined", [](const Value& value) { return value.is_undefined(); }},
});

struct TextTest {
  std::string_view name;
  Result<bool> (*holds)(Sandbox& sandbox, const Value& value);
};

constexpr auto kTextTests = std::to_array<TextTest>({
    {"even", [](Sandbox& sandbox, const Value& value) { return has_remainder(sandbox, value, 2, 0); }},
    {"filter", [](Sandbox&, const Value& value) -> Result<bool> { return is_filter(value.string_or_empty()); }},
    {"lower", [](Sandbox& sandbox, const Value& value) { return has_case(sandbox, value, is_lower); }},
    {"odd", [](Sandbox& sandbox, const Value& value) { return has_remainder(sandbox, value, 2, 1); }},
    {"test", [](Sandbox&, const Value& value) -> Result<bool> { return is_test(value.string_or_empty()); }},
    {"upper", [](Sandbox& sandbox, const Value& value) { return has_case(sandbox, value, is_upper); }},
});

struct PairTest {
  std::string_view name;
  Result<bool> (*holds)(Sandbox& sandbox, const Value& value, const Value& other);
};

Result<bool> is_equal(Sandbox&, const Value& value, const Value& other) { return equals(value, other); }
Result<bool> is_unequal(Sandbox&, const Value& value, const Value& other) { return !equals(value, other); }

Result<bool> is_less(Sandbox&, const Value& value, const Value& other) {
  ASSIGN_OR_RETURN(auto ordering, order(value, other, "<"));
  return ordering < 0;
}

Result<bool> is_at_most(Sandbox&, const Value& value, const Value& other) {
  ASSIGN_OR_RETURN(auto ordering, order(value, other, "<="));
  return ordering <= 0;
}

Result<bool> is_greater(Sandbox&, const Value& value, const Value& other) {
  ASSIGN_OR_RETURN(auto ordering, order(value, other, ">"));
  return ordering > 0;
}

Result<bool> is_at_least(Sandbox&, const Value& value, const Value& other) {
  ASSIGN_OR_RETURN(auto ordering, order(value, other, ">="));
  return ordering >= 0;
}

Result<bool> is_divisible(Sandbox& sandbox, const Value& value, const Value& other) {
  ASSIGN_OR_RETURN(Value remainder, compute(sandbox, Arithmetic::kModulo, value, other));
  return equals(remainder, Value(std::int64_t{0}));
}

constexpr auto kPairTests = std::to_array<PairTest>({
    {"!=", is_unequal},
    {"<", is_less},
    {"<=", is_at_most},
    {"==", is_equal},
    {">", is_greater},
    {">=", is_at_least},
    {"divisibleby", is_divisible},
    {"eq", is_equal},
    {"equalto", is_equal},
    {"ge", is_at_least},
    {"greaterthan", is_greater},
    {"gt", is_greater},
    {"in", [](Sandbox& sandbox, const Value& value, const Value& other) { return contains(sandbox, other, value); }},
    {"le", is_at_most},
    {"lessthan", is_less},
    {"lt", is_less},
    {"ne", is_unequal},
    {"sameas", [](Sandbox&, const Value& value, const Value& other) -> Result<bool> { return value.same_as(other); }},
});

template <typename Table>
auto find_in(const Table& table, std::string_view name) -> decltype(&table[0]) {
  for (const auto& test : table) {
    if (test.name == name) return &test;
  }
  return nullptr;
}

}  // namespace

bool is_test(std::string_view name) {
  return find_in(kPlainTests, name) != nullptr || find_in(kTextTests, name) != nullptr ||
         find_in(kPairTests, name) != nullptr;
}

Result<bool> apply_test(Sandbox& sandbox, std::string_view name, const Value& value, const Arguments& arguments) {
  if (const PairTest* test = find_in(kPairTests, name)) {
    ASSIGN_OR_RETURN(auto parameters, Parameters::bind(name, {"other"}, arguments, 1));
    return test->holds(sandbox, value, parameters.at(0));
  }
  RETURN_IF_ERROR(Parameters::bind(name, {}, arguments));
  if (const PlainTest* test = find_in(kPlainTests, name)) return test->holds(value);
  if (const TextTest* test = find_in(kTextTests, name)) return test->holds(sandbox, value);
  return fail(ErrorCode::kUnsupported, fmt::format("there is no test named '{}'", name));
}

}  // namespace nibble::text::jinja
