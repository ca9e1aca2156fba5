#include "text/unicode.h"

#include <cstdint>
#include <cstring>

namespace nibble::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct LeadByte {
  std::size_t length;        // of the whole sequence, 0 where no sequence begins so
  unsigned char second_min;  // the range of the second byte excludes overlong forms, surrogates and > U+10FFFF
  unsigned char second_max;
};

// Unicode 15, table 3-7.
constexpr LeadByte lead_byte(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Number of leading ASCII bytes, found eight at a time.
std::size_t ascii_prefix(std::string_view text) {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, 8);
    if ((eight & 0x8080808080808080u) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

Utf8Sequence read_utf8(std::string_view bytes) {
  using Kind = Utf8Sequence::Kind;
  auto first = static_cast<unsigned char>(bytes[0]);
  LeadByte lead = lead_byte(first);
  if (lead.length == 0) return {Kind::kInvalid, 1, 0};
  if (lead.length == 1) return {Kind::kCharacter, 1, first};
  char32_t code_point = first & (0x7Fu >> lead.length);
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Kind::kIncomplete, i, 0};
    auto byte = static_cast<unsigned char>(bytes[i]);
    bool fits = i == 1 ? byte >= lead.second_min && byte <= lead.second_max : (byte & 0xC0) == 0x80;
    if (!fits) return {Kind::kInvalid, i, 0};
    code_point = code_point << 6 | (byte & 0x3Fu);
  }
  return {Kind::kCharacter, lead.length, code_point};
}

void append_utf8(char32_t code_point, std::string& out) {
  auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0;;) {
    at += ascii_prefix(text.substr(at));
    if (at == text.size()) return std::nullopt;
    Utf8Sequence sequence = read_utf8(text.substr(at));
    if (sequence.kind != Utf8Sequence::Kind::kCharacter) return at;
    at += sequence.length;
  }
}

std::size_t append_lossy_utf8(std::string_view bytes, bool at_end, std::string& out) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (std::size_t ascii = ascii_prefix(bytes.substr(at)); ascii > 0) {
      out.append(bytes.substr(at, ascii));
      at += ascii;
      continue;
    }
    Utf8Sequence sequence = read_utf8(bytes.substr(at));
    if (sequence.kind == Utf8Sequence::Kind::kIncomplete && !at_end) break;
    bool whole = sequence.kind == Utf8Sequence::Kind::kCharacter;
    out.append(whole ? bytes.substr(at, sequence.length) : kReplacement);
    at += sequence.length;
  }
  return at;
}

}  // namespace nibble::text
