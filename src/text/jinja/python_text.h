// Python's view of text over UTF-8: lengths, positions and character classes count code points.
//
// Every function expects valid UTF-8: templates are checked when they are parsed, variables when their JSON is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nibble::text::jinja {

std::size_t code_point_count(std::string_view text);
// The byte where the index-th code point begins; text.size() where the text has no more than index.
std::size_t byte_offset(std::string_view text, std::size_t index);
// The code point that begins at position, which moves behind it.
char32_t next_code_point(std::string_view text, std::size_t& position);

bool is_space(char32_t c);      // str.isspace(), which is also what \s of `re` means
bool is_printable(char32_t c);  // str.isprintable()
bool is_alpha(char32_t c);
bool is_digit(char32_t c);  // decimal digits, superscripts and subscripts
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
inline bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }

// str.isupper() and str.islower(): every cased letter is of the wanted case, and there is one.
bool is_all_case(std::string_view text, bool (*wanted)(char32_t));

// Full case mappings: one code point may become three.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);    // str.title()
std::string capitalize(std::string_view text);  // str.capitalize()
std::string swap_case(std::string_view text);

enum class Ends { kBoth, kLeft, kRight };
// str.strip(): white space, or any of the code points of `characters`.
std::string_view strip(std::string_view text, Ends ends = Ends::kBoth,
                       std::optional<std::string_view> characters = std::nullopt);

// As std::string_view::find, in time linear in the lengths whatever the bytes are.
std::size_t find_bytes(std::string_view text, std::string_view pattern, std::size_t from);

// Length of the line break that begins at position as str.splitlines() sees it; 0 where there is none.
std::size_t line_break_length(std::string_view text, std::size_t position);

}  // namespace nibble::text::jinja
