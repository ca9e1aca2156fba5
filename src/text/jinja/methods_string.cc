// Methods of str that change, join or measure (methods.h).
#include "text/jinja/methods_string.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/jinja/arguments.h"
#include "text/jinja/lookup.h"
#include "text/jinja/methods.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

template <std::string (*kChange)(std::string_view)>
Result<Value> change(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("this str method", {}, arguments));
  return sandbox.string(kChange(self.text()->bytes), self.text()->safe);
}

template <Ends kEnds>
Result<Value> strip_ends(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("strip", {"chars"}, arguments));
  ASSIGN_OR_RETURN(auto characters, parameters.string(0));
  return sandbox.string(strip(self.text()->bytes, kEnds, characters), self.text()->safe);
}

template <Justification kJustification>
Result<Value> justify_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("center, ljust or rjust", {"width", "fillchar"}, arguments, 1));
  ASSIGN_OR_RETURN(std::int64_t width, parameters.integer(0, 0));
  ASSIGN_OR_RETURN(auto fill, parameters.string(1));
  if (fill && code_point_count(*fill) != 1) return invalid_input("the fill must be one character");
  return justify(sandbox, self.text()->bytes, width, fill.value_or(" "), kJustification);
}

Result<Value> zfill(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("zfill", {"width"}, arguments, 1));
  ASSIGN_OR_RETURN(std::int64_t width, parameters.integer(0, 0));
  std::string_view text = self.text()->bytes;
  std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  TextBuilder out(sandbox);
  out.append(text.substr(0, sign));
  out.append_repeated("0", width - static_cast<std::int64_t>(self.text()->length));
  out.append(text.substr(sign));
  return std::move(out).finish();
}

Result<Value> replace(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("replace", {"old", "new", "count"}, arguments, 2));
  ASSIGN_OR_RETURN(std::string_view old_text, parameters.required_string(0));
  ASSIGN_OR_RETURN(std::string_view new_text, parameters.required_string(1));
  ASSIGN_OR_RETURN(std::int64_t count, parameters.integer(2, -1));
  return replace_text(sandbox, self.text()->bytes, old_text, new_text, count);
}

Result<Value> join(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("join", {"iterable"}, arguments, 1));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, parameters.at(0)));
  TextBuilder out(sandbox);
  for (std::size_t i = 0; i < items->items.size() && !out.full(); ++i) {
    const Value& item = items->items[i];
    if (!item.is_string()) {
      return invalid_input(fmt::format("sequence item {}: expected str instance, {} found", i, item.type_name()));
    }
    if (i > 0) out.append(self.text()->bytes);
    out.append(item.string_or_empty());
  }
  return std::move(out).finish();
}

enum class Affix { kPrefix, kSuffix };

template <Affix kAffix>
Result<Value> remove_affix(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("removeprefix or removesuffix", {"affix"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view affix, parameters.required_string(0));
  std::string_view text = self.text()->bytes;
  if (kAffix == Affix::kPrefix && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (kAffix == Affix::kSuffix && text.ends_with(affix)) text.remove_suffix(affix.size());
  return sandbox.string(text);
}

bool is_letter_or_number(char32_t c) { return is_alpha(c) || is_digit(c) || is_numeric(c); }

template <bool (*kClass)(char32_t)>
Result<Value> is_all(Sandbox&, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("this str method", {}, arguments));
  std::string_view text = self.text()->bytes;
  bool all = !text.empty();
  for (std::size_t position = 0; all && position < text.size();) all = kClass(next_code_point(text, position));
  return Value(all);
}

template <bool (*kClass)(char32_t)>
Result<Value> is_case(Sandbox&, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("this str method", {}, arguments));
  return Value(is_all_case(self.text()->bytes, kClass));
}

Result<Value> is_title_text(Sandbox&, const Value& self, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("istitle", {}, arguments));
  std::string_view text = self.text()->bytes;
  bool any = false;
  bool after_cased = false;
  for (std::size_t position = 0; position < text.size();) {
    char32_t c = next_code_point(text, position);
    bool begins_word = is_upper(c) || is_title(c);
    if ((begins_word && after_cased) || (is_lower(c) && !after_cased)) return Value(false);
    after_cased = is_cased(c);
    any = any || after_cased;
  }
  return Value(any);
}

constexpr auto kMethods = std::to_array<Method>({
    {"capitalize", change<capitalize>},
    {"center", justify_text<Justification::kCenter>},
    {"count", count_text},
    {"endswith", text_ends_with},
    {"find", find_text},
    {"index", index_text},
    {"isalnum", is_all<is_letter_or_number>},
    {"isalpha", is_all<is_alpha>},
    {"isdigit", is_all<is_digit>},
    {"islower", is_case<is_lower>},
    {"isnumeric", is_all<is_numeric>},
    {"isspace", is_all<is_space>},
    {"istitle", is_title_text},
    {"isupper", is_case<is_upper>},
    {"join", join},
    {"ljust", justify_text<Justification::kLeft>},
    {"lower", change<to_lower>},
    {"lstrip", strip_ends<Ends::kLeft>},
    {"partition", partition_text},
    {"removeprefix", remove_affix<Affix::kPrefix>},
    {"removesuffix", remove_affix<Affix::kSuffix>},
    {"replace", replace},
    {"rfind", rfind_text},
    {"rindex", rindex_text},
    {"rjust", justify_text<Justification::kRight>},
    {"rpartition", rpartition_text},
    {"rsplit", rsplit_text},
    {"rstrip", strip_ends<Ends::kRight>},
    {"split", split_text},
    {"splitlines", splitlines_text},
    {"startswith", text_starts_with},
    {"strip", strip_ends<Ends::kBoth>},
    {"swapcase", change<swap_case>},
    {"title", change<to_title>},
    {"upper", change<to_upper>},
    {"zfill", zfill},
});

}  // namespace

std::span<const Method> string_methods() { return kMethods; }

Result<Value> replace_text(Sandbox& sandbox, std::string_view text, std::string_view old_text,
                           std::string_view new_text, std::int64_t count) {
  TextBuilder out(sandbox);
  std::size_t position = 0;
  for (; count != 0 && !out.full(); --count) {
    std::size_t found = find_bytes(text, old_text, position);
    if (found == std::string_view::npos) break;
    out.append(text.substr(position, found - position));
    out.append(new_text);
    position = found + old_text.size();
    if (!old_text.empty()) continue;
    // An empty pattern stands before every code point and at the end.
    if (position == text.size()) return std::move(out).finish();
    next_code_point(text, position);
    out.append(text.substr(found, position - found));
  }
  out.append(text.substr(position));
  return std::move(out).finish();
}

Result<Value> justify(Sandbox& sandbox, std::string_view text, std::int64_t width, std::string_view fill,
                      Justification justification) {
  std::int64_t missing = std::max<std::int64_t>(width - static_cast<std::int64_t>(code_point_count(text)), 0);
  std::int64_t left = 0;
  switch (justification) {
    case Justification::kLeft: break;
    case Justification::kRight: left = missing; break;
    // CPython puts the odd one to the left where the width is odd.
    case Justification::kCenter: left = missing / 2 + (missing & width & 1); break;
  }
  TextBuilder out(sandbox);
  out.append_repeated(fill, left);
  out.append(text);
  out.append_repeated(fill, missing - left);
  return std::move(out).finish();
}

}  // namespace nibble::text::jinja
