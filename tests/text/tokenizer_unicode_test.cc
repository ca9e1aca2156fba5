#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "text/unicode.h"

namespace nibble::text {
namespace {

std::string lossy(std::string_view bytes) {
  std::string out;
  EXPECT_EQ(append_lossy_utf8(bytes, true, out), bytes.size());
  return out;
}

std::string nfc(std::string_view text) {
  std::string storage;
  return std::string(normalize_nfc(text, storage));
}

TEST(Unicode, EveryCodePointReadsBack) {
  for (char32_t code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    append_utf8(code_point, text);
    Utf8Sequence sequence = read_utf8(text);
    ASSERT_EQ(sequence.kind, Utf8Sequence::Kind::kCharacter);
    ASSERT_EQ(sequence.code_point, code_point);
    ASSERT_EQ(sequence.length, text.size());
  }
}

TEST(Unicode, FindsTheFirstInvalidByte) {
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("0123456789 naïve 🙂"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("0123456789\xFF"), 10U);
  EXPECT_EQ(find_invalid_utf8("é\xC3"), 2U);
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U) << "a surrogate";
  EXPECT_EQ(find_invalid_utf8("a\xC0\x80"), 1U) << "an overlong form";
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U) << "beyond U+10FFFF";
}

// The examples of the Unicode standard, section 3.9, "U+FFFD Substitution of Maximal Subparts".
TEST(Unicode, ReplacesMaximalSubparts) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Unicode, IncompleteEndWaits) {
  std::string out;
  EXPECT_EQ(append_lossy_utf8("ab\xF0\x9F\x99", false, out), 2U);
  EXPECT_EQ(out, "ab");
  EXPECT_EQ(append_lossy_utf8("\xF0\x9F\x99", true, out), 3U);
  EXPECT_EQ(out, "ab\xEF\xBF\xBD");
}

TEST(Unicode, ComposesAndReorders) {
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("xe\u0301y"), "x\u00E9y");
  EXPECT_EQ(nfc("a\u0316\u0301"), "\u00E1\u0316");
  EXPECT_EQ(nfc("q\u0301\u0316"), "q\u0316\u0301");
  EXPECT_EQ(nfc("\u1112\u1161\u11AB"), "\uD55C");
  EXPECT_EQ(nfc("\uAC00\u11A7"), "\uAC00\u11A7") << "U+11A7 is no final consonant";
  EXPECT_EQ(nfc("\u212B\u2126"), "\u00C5\u03A9");
  EXPECT_EQ(nfc("\u0958"), "\u0915\u093C") << "a composition exclusion";
  EXPECT_EQ(nfc("q\u0301\u0898"), "q\u0301\u0898") << "a mark of Unicode 14";
}

TEST(Unicode, AMillionMarksAreNoQuadraticWork) {
  std::string text = "a";
  for (int i = 0; i < 500'000; ++i) text += "\u0301\u0316";
  std::string normalized = nfc(text);
  EXPECT_TRUE(normalized.starts_with("\u00E1\u0316\u0316"));
  EXPECT_TRUE(normalized.ends_with("\u0301\u0301"));
}

}  // namespace
}  // namespace nibble::text
