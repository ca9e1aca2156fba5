#include "text/jinja/filters.h"

#include <fmt/format.h>

namespace nibble::text::jinja {
namespace {

const Filter* find_filter(std::string_view name) {
  for (auto filters : {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    for (const Filter& filter : filters) {
      if (filter.name == name) return &filter;
    }
  }
  return nullptr;
}

}  // namespace

bool is_filter(std::string_view name) { return find_filter(name) != nullptr; }

Result<Value> apply_filter(Sandbox& sandbox, std::string_view name, const Value& input, const Arguments& arguments) {
  const Filter* filter = find_filter(name);
  if (filter == nullptr) {
    return fail(ErrorCode::kUnsupported, fmt::format("there is no filter named '{}'", name));
  }
  return filter->apply(sandbox, input, arguments);
}

}  // namespace nibble::text::jinja
