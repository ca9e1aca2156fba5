// Ids and texts equal those of Hugging Face `tokenizers`. Goldens: tools/golden/tokenizer.py.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "support/sha256.h"
#include "support/test_files.h"
#include "text/tokenizer.h"
#include "text/tokenizer_split.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

using ::nibble::testing::golden_path;
using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::must_read_lines;
using ::nibble::testing::source_path;
using Ids = std::vector<TokenId>;

const Tokenizer& tiny() {
  static const Tokenizer tokenizer = must(Tokenizer::read(source_path("models/qwen36-tiny")));
  return tokenizer;
}

const Tokenizer& real(const std::filesystem::path& tokenizer_json) {
  static const Tokenizer tokenizer = must(Tokenizer::read(tokenizer_json.parent_path()));
  return tokenizer;
}

std::string hash_text(std::string_view text) { return testing::sha256_hex(text).substr(0, 16); }
std::string hash_ids(const Ids& ids) { return testing::sha256_hex(std::as_bytes(std::span(ids))).substr(0, 16); }

Ids read_ids(JsonView array) {
  Ids ids;
  for (std::size_t i = 0; i < array.size(); ++i) ids.push_back(static_cast<TokenId>(*array.element(i).as_integer()));
  return ids;
}

std::vector<JsonDocument> read_rows(std::string_view name) {
  std::vector<JsonDocument> rows;
  for (const std::string& line : must_read_lines(golden_path(name))) rows.push_back(must(JsonDocument::parse(line)));
  return rows;
}

std::string_view text_at(const JsonDocument& row, std::size_t column) {
  return *row.root().element(column).as_string();
}
Ids ids_at(const JsonDocument& row, std::size_t column) { return read_ids(row.root().element(column)); }

TEST(TokenizerGolden, StringsInTinyVocabulary) {
  std::vector<JsonDocument> rows = read_rows("text/tokenizer_strings.jsonl");
  EXPECT_GE(rows.size(), 5000U);
  for (const JsonDocument& row : rows)
    ASSERT_EQ(must(tiny().encode(text_at(row, 0))), ids_at(row, 1)) << text_at(row, 0);
}

TEST(TokenizerGolden, StringsInRealVocabulary) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  for (const JsonDocument& row : read_rows("text/tokenizer_strings.jsonl")) {
    ASSERT_EQ(hash_ids(must(real(path).encode(text_at(row, 0)))), text_at(row, 2)) << text_at(row, 0);
  }
}

TEST(TokenizerGolden, AddedTokensAsPlainText) {
  for (const JsonDocument& row : read_rows("text/tokenizer_plain.jsonl")) {
    ASSERT_EQ(must(tiny().encode_plain(text_at(row, 0))), ids_at(row, 1)) << text_at(row, 0);
  }
}

TEST(TokenizerGolden, AddedTokensAsPlainTextInRealVocabulary) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  for (const JsonDocument& row : read_rows("text/tokenizer_plain.jsonl")) {
    ASSERT_EQ(hash_ids(must(real(path).encode_plain(text_at(row, 0)))), text_at(row, 2)) << text_at(row, 0);
  }
}

TEST(TokenizerGolden, DecodesAnySequence) {
  for (const JsonDocument& row : read_rows("text/tokenizer_decode.jsonl")) {
    ASSERT_EQ(must(tiny().decode(ids_at(row, 0))), text_at(row, 1));
    ASSERT_EQ(must(tiny().decode(ids_at(row, 0), true)), text_at(row, 2));
  }
}

void append_block(std::int64_t first, auto append) {
  auto begin = static_cast<char32_t>(first);
  for (char32_t code_point = begin; code_point < begin + 4096; ++code_point) {
    if (code_point < 0xD800 || code_point >= 0xE000) append(code_point);
  }
}

// Each code point of the block among characters that it may combine with.
std::string nfc_contexts(std::int64_t first) {
  struct Context {
    std::string_view before;
    std::string_view after;
  };
  static constexpr Context kContexts[] = {{"", ""},  {"q\u0301", ""}, {"q\u0345", ""}, {"q", "\u0334"},
                                          {"a", ""}, {"\u1100", ""},  {"\uAC00", ""}};
  std::string text;
  append_block(first, [&text](char32_t code_point) {
    for (const Context& context : kContexts) {
      text += context.before;
      append_utf8(code_point, text);
      text += context.after;
      text += '\n';
    }
  });
  return text;
}

// Letters, marks, numbers and white space: each class cuts twelve of its members into words of another length.
std::string class_pieces(std::int64_t first) {
  static const Splitter splitter = must(Splitter::compile(R"(\p{L}{12}|\p{M}{6}|\p{N}{4}|\s{3})"));
  std::string text;
  append_block(first, [&text](char32_t code_point) {
    if (!text.empty()) text += '-';
    for (int i = 0; i < 12; ++i) append_utf8(code_point, text);
  });
  std::string pieces;
  must(splitter.split(text, [&pieces](std::string_view piece) {
    if (!pieces.empty()) pieces += '|';
    pieces += piece;
  }));
  return pieces;
}

// Each code point of the block after a letter, before a digit, alone and repeated.
std::string word_contexts(std::int64_t first) {
  std::string text;
  append_block(first, [&text](char32_t code_point) {
    text += 'x';
    append_utf8(code_point, text);
    text += "1 ";
    append_utf8(code_point, text);
    append_utf8(code_point, text);
    text += '\n';
  });
  return text;
}

TEST(TokenizerGolden, EveryCodePoint) {
  for (const JsonDocument& row : read_rows("text/tokenizer_code_points.jsonl")) {
    std::int64_t first = *row.root().element(0).as_integer();
    std::string storage;
    EXPECT_EQ(hash_text(normalize_nfc(nfc_contexts(first), storage)), text_at(row, 1)) << "form C from " << first;
    EXPECT_EQ(hash_text(class_pieces(first)), text_at(row, 2)) << "classes from " << first;
    EXPECT_EQ(hash_ids(must(tiny().encode(word_contexts(first)))), text_at(row, 3)) << "ids from " << first;
  }
}

TEST(TokenizerGolden, EveryCodePointInRealVocabulary) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  for (const JsonDocument& row : read_rows("text/tokenizer_code_points.jsonl")) {
    std::int64_t first = *row.root().element(0).as_integer();
    EXPECT_EQ(hash_ids(must(real(path).encode(word_contexts(first)))), text_at(row, 4)) << "ids from " << first;
  }
}

// A million bytes of the strings in the order of a small generator, as the golden script puts them together.
std::string long_text() {
  std::vector<JsonDocument> rows = read_rows("text/tokenizer_strings.jsonl");
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < 1'000'000) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += text_at(rows[(state >> 33) % rows.size()], 0);
  }
  return text;
}

std::string summary(std::string_view key) {
  JsonDocument document = must(JsonDocument::parse(must_read(golden_path("text/tokenizer_summary.json"))));
  return must(required_string(document.root(), key));
}

TEST(TokenizerGolden, AMegabyteOfMixedText) {
  std::string text = long_text();
  ASSERT_EQ(hash_text(text), summary("long_text"));
  EXPECT_EQ(hash_ids(must(tiny().encode(text))), summary("long_text_tiny"));
}

TEST(TokenizerGolden, AMegabyteOfMixedTextInRealVocabulary) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  EXPECT_EQ(hash_ids(must(real(path).encode(long_text()))), summary("long_text_real"));
}

TEST(TokenizerGolden, DecodesEveryRealToken) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  Ids ids;
  for (std::int64_t i = 0; i < real(path).vocab_size(); ++i) {
    ids.push_back(static_cast<TokenId>(i * 100'003 % real(path).vocab_size()));
  }
  EXPECT_EQ(hash_text(must(real(path).decode(ids))), summary("decoded_real"));
  EXPECT_EQ(hash_text(must(real(path).decode(ids, true))), summary("decoded_real_without_special"));
}

// ignore_merges, merges as strings, added tokens that are normalized, overlap, or stand in the vocabulary.
TEST(TokenizerGolden, SmallTokenizerWithOtherSettings) {
  Tokenizer small = must(Tokenizer::parse(must_read(golden_path("text/tokenizer_small.json"))));
  for (const JsonDocument& row : read_rows("text/tokenizer_small.jsonl")) {
    ASSERT_EQ(must(small.encode(text_at(row, 0))), ids_at(row, 1)) << text_at(row, 0);
    ASSERT_EQ(must(small.decode(ids_at(row, 1))), text_at(row, 2));
  }
}

}  // namespace
}  // namespace nibble::text
