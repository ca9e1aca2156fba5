// Filters from a value to a string.
#include <fmt/format.h>

#include <array>

#include "text/jinja/arguments.h"
#include "text/jinja/filters.h"
#include "text/jinja/lookup.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

// No reader of a prompt wants more; a template that asks for a million is hostile.
constexpr std::int64_t kWidestJsonIndent = 1000;

bool is_safe(const Value& value) { return value.is_string() && value.text()->safe; }

// Most filters take any value, and mean its text.
template <typename Change>
Result<Value> changed_text(Sandbox& sandbox, const Value& input, Change change) {
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  return sandbox.string(change(text), is_safe(input));
}

template <std::string (*kChange)(std::string_view)>
Result<Value> change_case(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("the filter", {}, arguments));
  return changed_text(sandbox, input, kChange);
}

// jinja2's own title(): a word begins behind white space and any of -({[<.
std::string title_words(std::string_view text) {
  std::string title;
  std::size_t word_begin = 0;
  for (std::size_t position = 0; position <= text.size();) {
    std::size_t begin = position;
    char32_t c = position < text.size() ? next_code_point(text, position) : (++position, U' ');
    if (!is_space(c) && std::u32string_view(U"-({[<").find(c) == std::u32string_view::npos) continue;
    std::string_view word = text.substr(word_begin, begin - word_begin);
    std::size_t first = byte_offset(word, 1);
    title += to_upper(word.substr(0, first));
    title += to_lower(word.substr(first));
    title += text.substr(begin, position - begin);
    word_begin = position;
  }
  return title;
}

Result<Value> trim(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("trim", {"chars"}, arguments));
  ASSIGN_OR_RETURN(auto characters, parameters.string(0));
  if (const Text* text = input.text()) {
    std::string_view stripped = strip(text->bytes, Ends::kBoth, characters);
    if (stripped.size() == text->bytes.size()) return input;
    return sandbox.string(stripped, text->safe);
  }
  return changed_text(sandbox, input, [&](std::string_view text) { return strip(text, Ends::kBoth, characters); });
}

Result<Value> replace(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("replace", {"old", "new", "count"}, arguments, 2));
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  ASSIGN_OR_RETURN(std::string old_text, text_of(sandbox, parameters.at(0)));
  ASSIGN_OR_RETURN(std::string new_text, text_of(sandbox, parameters.at(1)));
  std::int64_t count = -1;
  if (parameters.given(2) != nullptr) {
    ASSIGN_OR_RETURN(count, parameters.integer(2, -1));
  }
  return replace_text(sandbox, text, old_text, new_text, count);
}

Result<Value> string(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("string", {}, arguments));
  if (input.is_string()) return input;
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  return sandbox.string(std::move(text));
}

Result<Value> safe(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("safe", {}, arguments));
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  return sandbox.string(std::move(text), true);
}

Result<Value> escape(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  RETURN_IF_ERROR(Parameters::bind("escape", {}, arguments));
  if (is_safe(input)) return input;
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  return sandbox.string(escape_html(text), true);
}

Result<Value> join(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("join", {"d", "attribute"}, arguments));
  std::string separator;
  if (parameters.find(0) != nullptr) {
    ASSIGN_OR_RETURN(separator, text_of(sandbox, parameters.at(0)));
  }
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, input));
  TextBuilder out(sandbox);
  bool first = true;
  for (const Value& item : items->items) {
    if (out.full()) break;
    if (!first) out.append(separator);
    first = false;
    Value part = item;
    if (const Value* attribute = parameters.given(1)) {
      ASSIGN_OR_RETURN(part, attribute_path(sandbox, item, *attribute));
    }
    RETURN_IF_ERROR(append_text(out, part));
  }
  return std::move(out).finish();
}

// All lines but the first get the indentation, unless they are blank.
Result<Value> indent(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("indent", {"width", "first", "blank"}, arguments));
  const Text* text = input.text();
  if (text == nullptr) return invalid_input(fmt::format("indent expects a string, found {}", input.type_name()));
  std::string_view unit = " ";
  std::int64_t width = 1;
  if (const Value* given = parameters.find(0); given != nullptr && given->is_string()) {
    unit = given->string_or_empty();
  } else {
    ASSIGN_OR_RETURN(width, parameters.integer(0, 4));
  }
  bool blank = parameters.truth(2, false);
  TextBuilder out(sandbox);
  if (parameters.truth(1, false)) out.append_repeated(unit, width);
  std::string ended = text->bytes;
  ended += '\n';  // so that a line break at the end counts, as in jinja2
  std::vector<std::string_view> lines = split_lines(ended, false);
  for (std::size_t i = 0; i < lines.size() && !out.full(); ++i) {
    if (i > 0) {
      out.append('\n');
      if (blank || !lines[i].empty()) out.append_repeated(unit, width);
    }
    out.append(lines[i]);
  }
  return std::move(out).finish(text->safe);
}

Result<Value> format(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    return invalid_input("format takes positional or named arguments, not both");
  }
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  ASSIGN_OR_RETURN(Value pattern, sandbox.string(std::move(text), is_safe(input)));
  if (arguments.named.empty()) {
    ASSIGN_OR_RETURN(Value tuple, sandbox.tuple(arguments.positional));
    return percent_format(sandbox, *pattern.text(), tuple);
  }
  Dict named;
  for (const auto& [name, value] : arguments.named) named.set(Value::string(name), value);
  ASSIGN_OR_RETURN(Value dict, sandbox.dict(std::move(named)));
  return percent_format(sandbox, *pattern.text(), dict);
}

Result<Value> center(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("center", {"width"}, arguments));
  ASSIGN_OR_RETURN(std::int64_t width, parameters.integer(0, 80));
  ASSIGN_OR_RETURN(std::string text, text_of(sandbox, input));
  return justify(sandbox, text, width, " ", Justification::kCenter);
}

// transformers' own tojson: json.dumps() without the HTML escapes of jinja2's.
Result<Value> tojson(Sandbox& sandbox, const Value& input, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters,
                   Parameters::bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}, arguments));
  JsonStyle style;
  style.ensure_ascii = parameters.truth(0, false);
  style.sort_keys = parameters.truth(3, false);
  if (const Value* given = parameters.given(1)) {
    style.item_separator = ",";
    if (given->is_string()) {
      style.indent = std::string(given->string_or_empty());
    } else {
      ASSIGN_OR_RETURN(std::int64_t width, parameters.integer(1, 0));
      if (width > kWidestJsonIndent) return invalid_input(fmt::format("tojson: an indent of {} spaces", width));
      style.indent = std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
  }
  if (const Value* given = parameters.given(2)) {
    const Sequence* pair = given->sequence();
    if (pair == nullptr || pair->items.size() != 2 || !pair->items[0].is_string() || !pair->items[1].is_string()) {
      return invalid_input("tojson expects two strings as 'separators'");
    }
    style.item_separator = pair->items[0].string_or_empty();
    style.key_separator = pair->items[1].string_or_empty();
  }
  TextBuilder out(sandbox);
  RETURN_IF_ERROR(append_json(out, input, style));
  return std::move(out).finish();
}

constexpr auto kFilters = std::to_array<Filter>({
    {"capitalize", change_case<capitalize>},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"format", format},
    {"indent", indent},
    {"join", join},
    {"lower", change_case<to_lower>},
    {"replace", replace},
    {"safe", safe},
    {"string", string},
    {"title", change_case<title_words>},
    {"tojson", tojson},
    {"trim", trim},
    {"upper", change_case<to_upper>},
});

}  // namespace

std::span<const Filter> text_filters() { return kFilters; }

}  // namespace nibble::text::jinja
