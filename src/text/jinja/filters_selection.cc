// map, select and reject: filters that take the name of another filter or test.
#include <fmt/format.h>

#include <array>

#include "text/jinja/comparison.h"
#include "text/jinja/filters.h"
#include "text/jinja/lookup.h"
#include "text/jinja/tests.h"

namespace nibble::text::jinja {
namespace {

const Value* find_named(const Arguments& arguments, std::string_view name) {
  for (const auto& [given, value] : arguments.named) {
    if (given == name) return &value;
  }
  return nullptr;
}

// The arguments behind the first `count` positional ones.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  auto begin = arguments.positional.begin() + static_cast<std::ptrdiff_t>(count);
  return {{begin, arguments.positional.end()}, arguments.named};
}

Result<std::string_view> name_argument(std::string_view filter, const Arguments& arguments, std::size_t index) {
  if (index < arguments.positional.size() && arguments.positional[index].is_string()) {
    return arguments.positional[index].string_or_empty();
  }
  return invalid_input(fmt::format("{} expects a name as argument {}", filter, index + 1));
}

Result<Value> map_attribute(Sandbox& sandbox, const Sequence& items, const Value& path, const Arguments& arguments) {
  const Value* fallback = find_named(arguments, "default");
  if (arguments.named.size() > (fallback != nullptr ? 2u : 1u)) {
    return invalid_input("map takes 'attribute' and 'default', or the name of a filter and its arguments");
  }
  std::vector<Value> mapped;
  for (const Value& item : items.items) {
    ASSIGN_OR_RETURN(Value found, attribute_path(sandbox, item, path));
    if (found.is_undefined() && fallback != nullptr && !fallback->is_none()) found = *fallback;
    mapped.push_back(std::move(found));
  }
  return sandbox.generator(std::move(mapped));
}

Result<Value> map(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  if (!truth_of(input)) return sandbox.generator({});
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  const Value* path = find_named(arguments, "attribute");
  if (arguments.positional.empty() && path != nullptr) return map_attribute(sandbox, *items, *path, arguments);
  ASSIGN_OR_RETURN(std::string_view filter, name_argument("map", arguments, 0));
  Arguments rest = without_first(arguments, 1);
  std::vector<Value> mapped;
  for (const Value& item : items->items) {
    RETURN_IF_ERROR(sandbox.step(1 + item.weight()));
    ASSIGN_OR_RETURN(Value changed, apply_filter(sandbox, filter, item, rest));
    mapped.push_back(std::move(changed));
  }
  return sandbox.generator(std::move(mapped));
}

enum class Subject { kItem, kAttribute };

// What the test looks at: the item, or the attribute of it that the first argument names.
template <Subject kSubject>
Result<Value> subject_of(Sandbox& sandbox, const Value& item, const Arguments& arguments) {
  if constexpr (kSubject == Subject::kAttribute) {
    return attribute_path(sandbox, item, arguments.positional[0]);
  } else {
    return item;
  }
}

template <Subject kSubject, bool kKeep>
Result<Value> choose(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  if (!truth_of(input)) return sandbox.generator({});
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  constexpr std::size_t kTestName = kSubject == Subject::kAttribute ? 1 : 0;
  if (arguments.positional.size() < kTestName) return invalid_input("selectattr and rejectattr expect an attribute");
  bool has_test = arguments.positional.size() > kTestName;
  std::string_view test;
  if (has_test) {
    ASSIGN_OR_RETURN(test, name_argument("select", arguments, kTestName));
  }
  Arguments rest = without_first(arguments, kTestName + (has_test ? 1 : 0));
  std::vector<Value> kept;
  for (const Value& item : items->items) {
    ASSIGN_OR_RETURN(const Value subject, subject_of<kSubject>(sandbox, item, arguments));
    RETURN_IF_ERROR(sandbox.step(1 + subject.weight()));
    bool passed = truth_of(subject);
    if (has_test) {
      ASSIGN_OR_RETURN(passed, apply_test(sandbox, test, subject, rest));
    }
    if (passed == kKeep) kept.push_back(item);
  }
  return sandbox.generator(std::move(kept));
}

constexpr auto kFilters = std::to_array<Filter>({
    {"map", map},
    {"reject", choose<Subject::kItem, false>},
    {"rejectattr", choose<Subject::kAttribute, false>},
    {"select", choose<Subject::kItem, true>},
    {"selectattr", choose<Subject::kAttribute, true>},
});

}  // namespace

std::span<const Filter> selection_filters() { return kFilters; }

}  // namespace nibble::text::jinja
