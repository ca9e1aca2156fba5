// Methods of str that search and split. Positions that templates see count code points.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/jinja/arguments.h"
#include "text/jinja/methods.h"
#include "text/jinja/methods_string.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

// The part of a string between the "start" and "end" of a search, and where it begins.
struct Window {
  std::size_t start;  // code points
  std::string_view text;
};

// nullopt where start lies behind the end of the string: there not even "" is found.
Result<std::optional<Window>> search_window(const Text& text, const Parameters& parameters) {
  auto length = static_cast<std::int64_t>(text.length);
  auto bound = [&](std::size_t parameter, std::int64_t fallback) -> Result<std::int64_t> {
    if (parameters.given(parameter) == nullptr) return fallback;
    ASSIGN_OR_RETURN(std::int64_t index, parameters.integer(parameter, fallback));
    return index < 0 ? std::max<std::int64_t>(index + length, 0) : index;
  };
  ASSIGN_OR_RETURN(std::int64_t start, bound(1, 0));
  ASSIGN_OR_RETURN(std::int64_t end, bound(2, length));
  end = std::min(end, length);
  if (start > end) return std::nullopt;
  auto begin = static_cast<std::size_t>(start);
  return Window{begin, text.slice(begin, static_cast<std::size_t>(end))};
}

enum class Direction { kForward, kBackward };

std::size_t find_in(std::string_view text, std::string_view pattern, Direction direction) {
  if (direction == Direction::kForward) return find_bytes(text, pattern, 0);
  // The last match is the first of the reversed text: rfind of the library can be quadratic.
  std::string reversed_text(text.rbegin(), text.rend());
  std::string reversed_pattern(pattern.rbegin(), pattern.rend());
  std::size_t found = find_bytes(reversed_text, reversed_pattern, 0);
  return found == std::string_view::npos ? found : text.size() - found - pattern.size();
}

// Index of the first or last match in code points; nullopt where there is none.
Result<std::optional<std::int64_t>> find_index(const Value& self, const Arguments& arguments, Direction direction) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("find or index", {"sub", "start", "end"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view pattern, parameters.required_string(0));
  ASSIGN_OR_RETURN(auto window, search_window(*self.text(), parameters));
  if (!window) return std::nullopt;
  std::size_t found = find_in(window->text, pattern, direction);
  if (found == std::string_view::npos) return std::nullopt;
  return static_cast<std::int64_t>(window->start + code_point_count(window->text.substr(0, found)));
}

Result<Value> find_or_minus_one(const Value& self, const Arguments& arguments, Direction direction) {
  ASSIGN_OR_RETURN(auto found, find_index(self, arguments, direction));
  return Value(found.value_or(-1));
}

Result<Value> find_or_fail(const Value& self, const Arguments& arguments, Direction direction) {
  ASSIGN_OR_RETURN(auto found, find_index(self, arguments, direction));
  if (!found) return invalid_input("substring not found");
  return Value(*found);
}

Result<Value> matches_affix(const Value& self, const Arguments& arguments,
                            bool (*matches)(std::string_view text, std::string_view affix)) {
  ASSIGN_OR_RETURN(auto parameters,
                   Parameters::bind("startswith or endswith", {"affix", "start", "end"}, arguments, 1));
  ASSIGN_OR_RETURN(auto window, search_window(*self.text(), parameters));
  auto holds = [&](std::string_view affix) { return window && matches(window->text, affix); };
  const Value& affix = parameters.at(0);
  if (!affix.is_tuple()) {
    ASSIGN_OR_RETURN(std::string_view text, parameters.required_string(0));
    return Value(holds(text));
  }
  for (const Value& item : affix.sequence()->items) {
    if (!item.is_string()) return invalid_input("startswith and endswith expect a string or a tuple of strings");
    if (holds(item.string_or_empty())) return Value(true);
  }
  return Value(false);
}

using Pieces = std::vector<std::string_view>;

Pieces split_at(std::string_view text, std::string_view separator, std::size_t most) {
  Pieces pieces;
  std::size_t begin = 0;
  while (pieces.size() < most) {
    std::size_t found = find_bytes(text, separator, begin);
    if (found == std::string_view::npos) break;
    pieces.push_back(text.substr(begin, found - begin));
    begin = found + separator.size();
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

// The pieces from the last to the first.
Pieces split_at_from_right(std::string_view text, std::string_view separator, std::size_t most) {
  std::string reversed_text(text.rbegin(), text.rend());
  std::string reversed_separator(separator.rbegin(), separator.rend());
  Pieces pieces = split_at(reversed_text, reversed_separator, most);
  for (std::string_view& piece : pieces) {
    auto behind = text.size() - static_cast<std::size_t>(piece.data() - reversed_text.data());
    piece = text.substr(behind - piece.size(), piece.size());
  }
  return pieces;
}

// Words between white space; behind the limit, the rest with its white space at the end.
Pieces split_words(std::string_view text, std::size_t most) {
  Pieces words;
  text = strip(text, Ends::kLeft);
  while (!text.empty() && words.size() < most) {
    std::size_t end = 0;
    for (std::size_t position = 0; position < text.size(); end = position) {
      if (is_space(next_code_point(text, position))) break;
    }
    words.push_back(text.substr(0, end));
    text = strip(text.substr(end), Ends::kLeft);
  }
  if (!text.empty()) words.push_back(text);
  return words;
}

// The words from the last to the first.
Pieces split_words_from_right(std::string_view text, std::size_t most) {
  Pieces words;
  text = strip(text, Ends::kRight);
  while (!text.empty() && words.size() < most) {
    std::size_t begin = text.size();
    while (begin > 0) {
      std::size_t before = begin - 1;
      while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
      std::size_t position = before;
      if (is_space(next_code_point(text, position))) break;
      begin = before;
    }
    words.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Ends::kRight);
  }
  if (!text.empty()) words.push_back(text);
  return words;
}

Result<Value> list_of(Sandbox& sandbox, const Value& self, const Pieces& pieces) {
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (std::string_view piece : pieces) {
    ASSIGN_OR_RETURN(Value item, sandbox.string(piece, self.text()->safe));
    items.push_back(std::move(item));
  }
  return sandbox.list(std::move(items));
}

Result<Value> split(Sandbox& sandbox, const Value& self, const Arguments& arguments, Direction direction) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("split", {"sep", "maxsplit"}, arguments));
  ASSIGN_OR_RETURN(auto separator, parameters.string(0));
  ASSIGN_OR_RETURN(std::int64_t limit, parameters.integer(1, -1));
  std::size_t most = limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  std::string_view text = self.text()->bytes;
  if (separator && separator->empty()) return invalid_input("empty separator");
  if (direction == Direction::kForward) {
    return list_of(sandbox, self, separator ? split_at(text, *separator, most) : split_words(text, most));
  }
  Pieces pieces = separator ? split_at_from_right(text, *separator, most) : split_words_from_right(text, most);
  std::ranges::reverse(pieces);
  return list_of(sandbox, self, pieces);
}

Result<Value> partition(Sandbox& sandbox, const Value& self, const Arguments& arguments, Direction direction) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("partition", {"sep"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view separator, parameters.required_string(0));
  if (separator.empty()) return invalid_input("empty separator");
  std::string_view text = self.text()->bytes;
  std::size_t found = find_in(text, separator, direction);
  Pieces pieces;
  if (found != std::string_view::npos) {
    pieces = {text.substr(0, found), separator, text.substr(found + separator.size())};
  } else if (direction == Direction::kForward) {
    pieces = {text, "", ""};
  } else {
    pieces = {"", "", text};
  }
  ASSIGN_OR_RETURN(Value list, list_of(sandbox, self, pieces));
  return sandbox.tuple(list.sequence()->items);
}

}  // namespace

Result<Value> count_text(Sandbox&, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("count", {"sub", "start", "end"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view pattern, parameters.required_string(0));
  ASSIGN_OR_RETURN(auto window, search_window(*self.text(), parameters));
  if (!window) return Value(std::int64_t{0});
  if (pattern.empty()) return Value(static_cast<std::int64_t>(code_point_count(window->text) + 1));
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = find_bytes(window->text, pattern, at)) != std::string_view::npos;
       at += pattern.size()) {
    ++count;
  }
  return Value(count);
}

Result<Value> find_text(Sandbox&, const Value& self, const Arguments& arguments) {
  return find_or_minus_one(self, arguments, Direction::kForward);
}

Result<Value> rfind_text(Sandbox&, const Value& self, const Arguments& arguments) {
  return find_or_minus_one(self, arguments, Direction::kBackward);
}

Result<Value> index_text(Sandbox&, const Value& self, const Arguments& arguments) {
  return find_or_fail(self, arguments, Direction::kForward);
}

Result<Value> rindex_text(Sandbox&, const Value& self, const Arguments& arguments) {
  return find_or_fail(self, arguments, Direction::kBackward);
}

Result<Value> text_starts_with(Sandbox&, const Value& self, const Arguments& arguments) {
  return matches_affix(self, arguments,
                       [](std::string_view text, std::string_view affix) { return text.starts_with(affix); });
}

Result<Value> text_ends_with(Sandbox&, const Value& self, const Arguments& arguments) {
  return matches_affix(self, arguments,
                       [](std::string_view text, std::string_view affix) { return text.ends_with(affix); });
}

Result<Value> split_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  return split(sandbox, self, arguments, Direction::kForward);
}

Result<Value> rsplit_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  return split(sandbox, self, arguments, Direction::kBackward);
}

Result<Value> partition_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  return partition(sandbox, self, arguments, Direction::kForward);
}

Result<Value> rpartition_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  return partition(sandbox, self, arguments, Direction::kBackward);
}

Result<Value> splitlines_text(Sandbox& sandbox, const Value& self, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("splitlines", {"keepends"}, arguments));
  return list_of(sandbox, self, split_lines(self.text()->bytes, parameters.truth(0, false)));
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t position = 0; position < text.size();) {
    std::size_t length = line_break_length(text, position);
    if (length == 0) {
      next_code_point(text, position);
      continue;
    }
    lines.push_back(text.substr(begin, position - begin + (keep_ends ? length : 0)));
    position += length;
    begin = position;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

}  // namespace nibble::text::jinja
