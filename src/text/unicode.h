// UTF-8 and the one normalization form that tokenizers ask for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nibble::text {

// What stands at the beginning of some bytes.
struct Utf8Sequence {
  enum class Kind {
    kCharacter,   // one well-formed code point
    kInvalid,     // `length` bytes that can never become one: Unicode's "maximal subpart of an ill-formed sequence"
    kIncomplete,  // the bytes end within what may yet become one
  };
  Kind kind;
  std::size_t length;   // bytes, at least 1
  char32_t code_point;  // of kCharacter
};

// bytes must not be empty.
Utf8Sequence read_utf8(std::string_view bytes);

void append_utf8(char32_t code_point, std::string& out);

// Offset of the first byte that is not part of well-formed UTF-8; nullopt where all is well.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// Appends bytes to out, each ill-formed sequence replaced by one U+FFFD (as Rust's from_utf8_lossy and Python's
// errors="replace" count them). Returns how many bytes were used: all, or, unless at_end, all but an incomplete
// sequence at the end.
std::size_t append_lossy_utf8(std::string_view bytes, bool at_end, std::string& out);

// Normalization form C of well-formed text, by the tables of Unicode 9.0, which Hugging Face `tokenizers` uses: a
// combining mark encoded since is not reordered. Returns text itself where nothing in it can change, else storage.
std::string_view normalize_nfc(std::string_view text, std::string& storage);

}  // namespace nibble::text
