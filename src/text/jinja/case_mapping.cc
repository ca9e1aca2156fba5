// Case mappings of Python's str methods: simple ones from utf8proc, the others from Unicode's SpecialCasing.txt.
#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "text/jinja/python_text.h"
#include "text/unicode.h"

namespace nibble::text::jinja {
namespace {

struct SpecialCasing {
  char32_t code_point;
  const char* upper;
  const char* title;  // empty where the simple mapping holds
};

constexpr std::array kSpecialCasing =
    std::to_array<SpecialCasing>({{0x00DF, "SS", "Ss"},
                                  {0x0149, "\u02BCN", "\u02BCN"},
                                  {0x01F0, "J\u030C", "J\u030C"},
                                  {0x0390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
                                  {0x03B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
                                  {0x0587, "\u0535\u0552", "\u0535\u0582"},
                                  {0x1E96, "H\u0331", "H\u0331"},
                                  {0x1E97, "T\u0308", "T\u0308"},
                                  {0x1E98, "W\u030A", "W\u030A"},
                                  {0x1E99, "Y\u030A", "Y\u030A"},
                                  {0x1E9A, "A\u02BE", "A\u02BE"},
                                  {0x1F50, "\u03A5\u0313", "\u03A5\u0313"},
                                  {0x1F52, "\u03A5\u0313\u0300", "\u03A5\u0313\u0300"},
                                  {0x1F54, "\u03A5\u0313\u0301", "\u03A5\u0313\u0301"},
                                  {0x1F56, "\u03A5\u0313\u0342", "\u03A5\u0313\u0342"},
                                  {0x1F80, "\u1F08\u0399", ""},
                                  {0x1F81, "\u1F09\u0399", ""},
                                  {0x1F82, "\u1F0A\u0399", ""},
                                  {0x1F83, "\u1F0B\u0399", ""},
                                  {0x1F84, "\u1F0C\u0399", ""},
                                  {0x1F85, "\u1F0D\u0399", ""},
                                  {0x1F86, "\u1F0E\u0399", ""},
                                  {0x1F87, "\u1F0F\u0399", ""},
                                  {0x1F88, "\u1F08\u0399", ""},
                                  {0x1F89, "\u1F09\u0399", ""},
                                  {0x1F8A, "\u1F0A\u0399", ""},
                                  {0x1F8B, "\u1F0B\u0399", ""},
                                  {0x1F8C, "\u1F0C\u0399", ""},
                                  {0x1F8D, "\u1F0D\u0399", ""},
                                  {0x1F8E, "\u1F0E\u0399", ""},
                                  {0x1F8F, "\u1F0F\u0399", ""},
                                  {0x1F90, "\u1F28\u0399", ""},
                                  {0x1F91, "\u1F29\u0399", ""},
                                  {0x1F92, "\u1F2A\u0399", ""},
                                  {0x1F93, "\u1F2B\u0399", ""},
                                  {0x1F94, "\u1F2C\u0399", ""},
                                  {0x1F95, "\u1F2D\u0399", ""},
                                  {0x1F96, "\u1F2E\u0399", ""},
                                  {0x1F97, "\u1F2F\u0399", ""},
                                  {0x1F98, "\u1F28\u0399", ""},
                                  {0x1F99, "\u1F29\u0399", ""},
                                  {0x1F9A, "\u1F2A\u0399", ""},
                                  {0x1F9B, "\u1F2B\u0399", ""},
                                  {0x1F9C, "\u1F2C\u0399", ""},
                                  {0x1F9D, "\u1F2D\u0399", ""},
                                  {0x1F9E, "\u1F2E\u0399", ""},
                                  {0x1F9F, "\u1F2F\u0399", ""},
                                  {0x1FA0, "\u1F68\u0399", ""},
                                  {0x1FA1, "\u1F69\u0399", ""},
                                  {0x1FA2, "\u1F6A\u0399", ""},
                                  {0x1FA3, "\u1F6B\u0399", ""},
                                  {0x1FA4, "\u1F6C\u0399", ""},
                                  {0x1FA5, "\u1F6D\u0399", ""},
                                  {0x1FA6, "\u1F6E\u0399", ""},
                                  {0x1FA7, "\u1F6F\u0399", ""},
                                  {0x1FA8, "\u1F68\u0399", ""},
                                  {0x1FA9, "\u1F69\u0399", ""},
                                  {0x1FAA, "\u1F6A\u0399", ""},
                                  {0x1FAB, "\u1F6B\u0399", ""},
                                  {0x1FAC, "\u1F6C\u0399", ""},
                                  {0x1FAD, "\u1F6D\u0399", ""},
                                  {0x1FAE, "\u1F6E\u0399", ""},
                                  {0x1FAF, "\u1F6F\u0399", ""},
                                  {0x1FB2, "\u1FBA\u0399", "\u1FBA\u0345"},
                                  {0x1FB3, "\u0391\u0399", ""},
                                  {0x1FB4, "\u0386\u0399", "\u0386\u0345"},
                                  {0x1FB6, "\u0391\u0342", "\u0391\u0342"},
                                  {0x1FB7, "\u0391\u0342\u0399", "\u0391\u0342\u0345"},
                                  {0x1FBC, "\u0391\u0399", ""},
                                  {0x1FC2, "\u1FCA\u0399", "\u1FCA\u0345"},
                                  {0x1FC3, "\u0397\u0399", ""},
                                  {0x1FC4, "\u0389\u0399", "\u0389\u0345"},
                                  {0x1FC6, "\u0397\u0342", "\u0397\u0342"},
                                  {0x1FC7, "\u0397\u0342\u0399", "\u0397\u0342\u0345"},
                                  {0x1FCC, "\u0397\u0399", ""},
                                  {0x1FD2, "\u0399\u0308\u0300", "\u0399\u0308\u0300"},
                                  {0x1FD3, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
                                  {0x1FD6, "\u0399\u0342", "\u0399\u0342"},
                                  {0x1FD7, "\u0399\u0308\u0342", "\u0399\u0308\u0342"},
                                  {0x1FE2, "\u03A5\u0308\u0300", "\u03A5\u0308\u0300"},
                                  {0x1FE3, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
                                  {0x1FE4, "\u03A1\u0313", "\u03A1\u0313"},
                                  {0x1FE6, "\u03A5\u0342", "\u03A5\u0342"},
                                  {0x1FE7, "\u03A5\u0308\u0342", "\u03A5\u0308\u0342"},
                                  {0x1FF2, "\u1FFA\u0399", "\u1FFA\u0345"},
                                  {0x1FF3, "\u03A9\u0399", ""},
                                  {0x1FF4, "\u038F\u0399", "\u038F\u0345"},
                                  {0x1FF6, "\u03A9\u0342", "\u03A9\u0342"},
                                  {0x1FF7, "\u03A9\u0342\u0399", "\u03A9\u0342\u0345"},
                                  {0x1FFC, "\u03A9\u0399", ""},
                                  {0xFB00, "FF", "Ff"},
                                  {0xFB01, "FI", "Fi"},
                                  {0xFB02, "FL", "Fl"},
                                  {0xFB03, "FFI", "Ffi"},
                                  {0xFB04, "FFL", "Ffl"},
                                  {0xFB05, "ST", "St"},
                                  {0xFB06, "ST", "St"},
                                  {0xFB13, "\u0544\u0546", "\u0544\u0576"},
                                  {0xFB14, "\u0544\u0535", "\u0544\u0565"},
                                  {0xFB15, "\u0544\u053B", "\u0544\u056B"},
                                  {0xFB16, "\u054E\u0546", "\u054E\u0576"},
                                  {0xFB17, "\u0544\u053D", "\u0544\u056D"}});

const SpecialCasing* special_casing(char32_t c) {
  if (c < kSpecialCasing.front().code_point) return nullptr;
  auto found = std::ranges::lower_bound(kSpecialCasing, c, {}, &SpecialCasing::code_point);
  return found != kSpecialCasing.end() && found->code_point == c ? &*found : nullptr;
}

void append_upper(std::string& text, char32_t c) {
  if (const SpecialCasing* special = special_casing(c)) {
    text += special->upper;
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), text);
  }
}

void append_title(std::string& text, char32_t c) {
  const SpecialCasing* special = special_casing(c);
  if (special != nullptr && *special->title != '\0') {
    text += special->title;
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))), text);
  }
}

// Unicode's Case_Ignorable: what may stand between a letter and the final sigma that looks at it.
bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019 || c == 0x2024;
  }
}

// A capital sigma ends a word where a cased letter stands before it and none after it.
bool is_final_sigma(std::u32string_view text, std::size_t index) {
  auto cased_beyond = [&](std::ptrdiff_t step) {
    auto at = static_cast<std::ptrdiff_t>(index) + step;
    auto end = static_cast<std::ptrdiff_t>(text.size());
    while (at >= 0 && at < end && is_case_ignorable(text[static_cast<std::size_t>(at)])) at += step;
    return at >= 0 && at < end && is_cased(text[static_cast<std::size_t>(at)]);
  };
  return cased_beyond(-1) && !cased_beyond(+1);
}

void append_lower(std::string& text, std::u32string_view whole, std::size_t index) {
  char32_t c = whole[index];
  if (c == 0x130) {
    text += "i\u0307";
  } else if (c == 0x3A3) {
    text += is_final_sigma(whole, index) ? "\u03C2" : "\u03C3";
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), text);
  }
}

std::u32string decode(std::string_view text) {
  std::u32string code_points;
  code_points.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) code_points += next_code_point(text, position);
  return code_points;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string to_upper(std::string_view text) {
  std::string upper;
  upper.reserve(text.size());
  for (std::size_t position = 0; position < text.size();) append_upper(upper, next_code_point(text, position));
  return upper;
}

std::string to_lower(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  if (is_ascii(text)) {
    for (char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return lower;
  }
  std::u32string whole = decode(text);
  for (std::size_t i = 0; i < whole.size(); ++i) append_lower(lower, whole, i);
  return lower;
}

std::string to_title(std::string_view text) {
  std::u32string whole = decode(text);
  std::string title;
  bool after_cased = false;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (after_cased) {
      append_lower(title, whole, i);
    } else {
      append_title(title, whole[i]);
    }
    after_cased = is_cased(whole[i]);
  }
  return title;
}

std::string capitalize(std::string_view text) {
  std::u32string whole = decode(text);
  std::string capitalized;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i == 0) {
      append_title(capitalized, whole[i]);
    } else {
      append_lower(capitalized, whole, i);
    }
  }
  return capitalized;
}

std::string swap_case(std::string_view text) {
  std::u32string whole = decode(text);
  std::string swapped;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (is_upper(whole[i])) {
      append_lower(swapped, whole, i);
    } else if (is_lower(whole[i])) {
      append_upper(swapped, whole[i]);
    } else {
      append_utf8(whole[i], swapped);
    }
  }
  return swapped;
}

}  // namespace nibble::text::jinja
