#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/check.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

// Code points that form C leaves as they are and that nothing before them combines with (NFC_Quick_Check=Yes, combining
// class 0): whole blocks of the scripts in daily use. A code point that is missing here costs time, nothing else.
constexpr auto kStableRanges = std::to_array<CodePointRange>({
    {0x0000, 0x02FF}, {0x0388, 0x0482}, {0x048A, 0x0590}, {0x05D0, 0x05EA}, {0x0620, 0x064A},   {0x0660, 0x066F},
    {0x0671, 0x06D5}, {0x0904, 0x093B}, {0x093D, 0x094C}, {0x0E01, 0x0E37}, {0x0E3F, 0x0E47},   {0x10A0, 0x115F},
    {0x1E00, 0x1EFF}, {0x2002, 0x20CF}, {0x2190, 0x2328}, {0x232B, 0x2ADB}, {0x2E80, 0x3029},   {0x3030, 0x3098},
    {0x309B, 0xA66E}, {0xAC00, 0xD7A3}, {0xFE00, 0xFE0F}, {0xFE30, 0xFFFF}, {0x1F000, 0x1FAFF}, {0x20000, 0x2F7FF},
});

// Code points that Unicode 9.0 does not know to combine or decompose, but a later version does: the marks encoded
// since, and the letters that later compositions begin with. Nothing on either side of one is combined across it.
// U+11A7 is here because utf8proc 2.8 drops it after a Hangul syllable.
constexpr auto kInertRanges = std::to_array<CodePointRange>({
    {0x05C8, 0x05C9},   {0x07FD, 0x07FD},   {0x0897, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},
    {0x0C3C, 0x0C3C},   {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x11A7, 0x11A7},   {0x1715, 0x1715},
    {0x1ABF, 0x1AF0},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x105C9, 0x105C9}, {0x105D2, 0x105D2},
    {0x105DA, 0x105DA}, {0x105E4, 0x105E4}, {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC},
    {0x10ECB, 0x10ECF}, {0x10EF0, 0x10EFB}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
    {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x11382, 0x11385}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E},
    {0x11390, 0x11391}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113C8}, {0x113CE, 0x113D0},
    {0x1145E, 0x1145E}, {0x11839, 0x1183A}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E},
    {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99},
    {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x1611E, 0x1611E},
    {0x16121, 0x16129}, {0x1612F, 0x1612F}, {0x16D63, 0x16D63}, {0x16D67, 0x16D6A}, {0x16FF0, 0x16FF1},
    {0x1D127, 0x1D128}, {0x1D250, 0x1D252}, {0x1D25B, 0x1D25C}, {0x1D25F, 0x1D25F}, {0x1D280, 0x1D281},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1E5EE, 0x1E5EF}, {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5},
});

bool contains(std::span<const CodePointRange> ranges, char32_t code_point) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), code_point,
                                [](char32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && code_point <= std::prev(after)->last;
}

enum class Nature { kStable, kInert, kMayChange };

Nature nature(char32_t code_point) {
  if (code_point <= kStableRanges[0].last || contains(kStableRanges, code_point)) return Nature::kStable;
  return contains(kInertRanges, code_point) ? Nature::kInert : Nature::kMayChange;
}

using CodePoints = std::vector<utf8proc_int32_t>;

int combining_class(utf8proc_int32_t code_point) { return utf8proc_get_property(code_point)->combining_class; }

void append_decomposition(char32_t code_point, CodePoints& out) {
  constexpr int kLongest = 4;  // UAX #15: no canonical decomposition is longer
  std::array<utf8proc_int32_t, kLongest> parts;
  int unused_boundary_class = 0;
  utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), parts.data(), kLongest,
                                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE),
                                                   &unused_boundary_class);
  NIBBLE_CHECK(count > 0 && count <= kLongest);
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

// The canonical order: marks by their class, those of one class as they came. utf8proc_decompose sorts by exchanging
// neighbours, which a long run of marks makes quadratic.
void sort_marks(CodePoints& code_points) {
  struct Mark {
    int combining_class;
    std::size_t position;
    utf8proc_int32_t code_point;
    auto operator<=>(const Mark&) const = default;
  };
  std::vector<Mark> marks;
  for (std::size_t begin = 0; begin < code_points.size(); begin += marks.size() + 1) {
    marks.clear();
    for (std::size_t at = begin; at < code_points.size() && combining_class(code_points[at]) != 0; ++at) {
      marks.push_back({combining_class(code_points[at]), at, code_points[at]});
    }
    std::ranges::sort(marks);
    for (std::size_t i = 0; i < marks.size(); ++i) code_points[begin + i] = marks[i].code_point;
  }
}

void append_normalized(std::string_view text, std::string& out) {
  CodePoints code_points;
  for (std::size_t at = 0; at < text.size();) {
    Utf8Sequence sequence = read_utf8(text.substr(at));
    append_decomposition(sequence.code_point, code_points);
    at += sequence.length;
  }
  sort_marks(code_points);
  utf8proc_ssize_t count =
      utf8proc_normalize_utf32(code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  NIBBLE_CHECK(count >= 0);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_utf8(static_cast<char32_t>(code_points[static_cast<std::size_t>(i)]), out);
  }
}

}  // namespace

std::string_view normalize_nfc(std::string_view text, std::string& storage) {
  storage.clear();
  std::size_t copied = 0;           // text before this stands in storage
  std::size_t segment = 0;          // where code points begin that may combine with the next one
  bool segment_may_change = false;  // and whether one of them does more than begin a segment
  auto finish_segment = [&](std::size_t end) {
    if (!segment_may_change) return;
    storage.append(text.substr(copied, segment - copied));
    append_normalized(text.substr(segment, end - segment), storage);
    copied = end;
    segment_may_change = false;
  };
  for (std::size_t at = 0; at < text.size();) {
    Utf8Sequence sequence = read_utf8(text.substr(at));
    std::size_t next = at + sequence.length;
    switch (nature(sequence.code_point)) {
      case Nature::kStable:
        finish_segment(at);
        segment = at;
        break;
      case Nature::kInert:
        finish_segment(at);
        segment = next;
        break;
      case Nature::kMayChange: segment_may_change = true; break;
    }
    at = next;
  }
  finish_segment(text.size());
  if (copied == 0) return text;
  storage.append(text.substr(copied));
  return storage;
}

}  // namespace nibble::text
