// What tokenizer.json may say: settings without exact support and contradictions are errors that name the place.
#include <gmock/gmock.h>

#include <string>
#include <string_view>

#include "support/test_files.h"
#include "text/tokenizer.h"

namespace nibble::text {
namespace {

using ::nibble::testing::golden_path;
using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::testing::HasSubstr;

// The small tokenizer with one place changed.
std::string changed(std::string_view from, std::string_view to) {
  std::string text = must_read(golden_path("text/tokenizer_small.json"));
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

struct Change {
  std::string_view from;
  std::string_view to;
  std::string_view message;  // a part of it
};

TEST(TokenizerModel, RefusesSettingsThatWouldGiveOtherIds) {
  for (const Change& change : {
           Change{R"("version": "1.0")", R"("version": "2.0")", "'version'"},
           Change{R"("truncation": null)", R"("truncation": {"max_length": 5})", "'truncation'"},
           Change{R"("padding": null)", R"("padding": {})", "'padding'"},
           Change{R"("type": "NFC")", R"("type": "NFKC")", "normalizer: 'type'"},
           Change{R"("type": "Sequence")", R"("type": "Whitespace")", "pre_tokenizer: 'type'"},
           Change{R"("type": "Split")", R"("type": "Digits")", "first step: 'type'"},
           Change{R"("behavior": "Isolated")", R"("behavior": "Removed")", "first step: 'behavior'"},
           Change{R"("invert": false)", R"("invert": true)", "first step: 'invert'"},
           Change{R"("Regex": )", R"("String": )", "expected a pattern"},
           Change{R"((?!\\S))", R"((?<!\\S))", "this kind of group"},
           Change{R"("add_prefix_space": false)", R"("add_prefix_space": true)", "second step: 'add_prefix_space'"},
           Change{R"("use_regex": false)", R"("use_regex_": false)", "second step: 'use_regex'"},
           Change{R"("post_processor": {
"type": "ByteLevel")",
                  R"("post_processor": {
"type": "TemplateProcessing")",
                  "post_processor: 'type'"},
           Change{R"("decoder": {
"type": "ByteLevel")",
                  R"("decoder": {
"type": "WordPiece")",
                  "decoder: 'type'"},
           Change{R"("type": "BPE")", R"("type": "Unigram")", "model: 'type'"},
           Change{R"("dropout": null)", R"("dropout": 0.1)", "model: 'dropout'"},
           Change{R"("unk_token": null)", R"("unk_token": "a")", "model: 'unk_token'"},
           Change{R"("continuing_subword_prefix": null)", R"("continuing_subword_prefix": "##")",
                  "model: 'continuing_subword_prefix'"},
           Change{R"("end_of_word_suffix": null)", R"("end_of_word_suffix": "</w>")", "model: 'end_of_word_suffix'"},
           Change{R"("byte_fallback": false)", R"("byte_fallback": true)", "model: 'byte_fallback'"},
           Change{R"("single_word": false)", R"("single_word": true)", "'single_word'"},
           Change{R"("lstrip": false)", R"("lstrip": true)", "'lstrip'"},
           Change{R"("rstrip": false)", R"("rstrip": true)", "'rstrip'"},
           Change{R"("Ń": 255)", R"("ŃŃ": 255)", "byte 0xad has no token"},
       }) {
    auto tokenizer = Tokenizer::parse(changed(change.from, change.to));
    ASSERT_FALSE(tokenizer) << change.to;
    EXPECT_EQ(tokenizer.error().code(), ErrorCode::kUnsupported) << tokenizer.error().describe();
    EXPECT_THAT(tokenizer.error().describe(), HasSubstr(change.message));
  }
}

TEST(TokenizerModel, RefusesContradictions) {
  for (const Change& change : {
           Change{R"("version": "1.0")", R"("version": 1)", "expected a string"},
           Change{R"("ab": 256)", R"("ab": 257)", "id 257 belongs to both"},
           Change{R"("ab": 256)", R"("ab": 267)", "expected an id from 0 to 266"},
           Change{R"("ab": 256)", R"("ab": -1)", "expected an id from 0 to 266"},
           Change{R"("ab": 256)", R"("ab": "x")", "found a string"},
           Change{R"("ab": 256)", R"("abc": 256)", "stands twice"},
           Change{R"("ab c")", R"("a")", "merge 1: expected"},
           Change{R"("ab c")", R"("a b c")", "merge 1: expected"},
           Change{R"("ab c")", R"(["a", "b", "c"])", "merge 1: expected"},
           Change{R"("ab c")", R"(["a", 5])", "merge 1: expected"},
           Change{R"("ab c")", R"("a xyz")", "merge 1: \"xyz\" is not in the vocabulary"},
           Change{R"("ab c")", R"("a d")", "merge 1: \"ad\" is not in the vocabulary"},
           Change{R"("b c")", R"("a b")", "merge 2: \"a\" + \"b\" stands twice"},
           Change{R"("merges": [)", R"("merges_": [)", "model.merges: expected an array"},
           Change{R"("vocab": {)", R"("vocab_": {)", "model.vocab: expected an object"},
           Change{R"("id": 267)", R"("id": 268)", "expected id 267"},
           Change{R"("id": 165)", R"("id": 166)", "expected id 165 (its id in the vocabulary)"},
           Change{R"("content": "<a>")", R"("content": "")", "'content' is empty"},
           Change{R"("content": "<a>")", R"("content": null)", "expected a string"},
           Change{R"("special": false)", R"("special": 0)", "expected true or false"},
           Change{R"("ignore_merges": true)", R"("ignore_merges": 1)", "expected true or false"},
       }) {
    auto tokenizer = Tokenizer::parse(changed(change.from, change.to));
    ASSERT_FALSE(tokenizer) << change.to;
    EXPECT_EQ(tokenizer.error().code(), ErrorCode::kInvalidInput) << tokenizer.error().describe();
    EXPECT_THAT(tokenizer.error().describe(), HasSubstr(change.message));
  }
  EXPECT_FALSE(Tokenizer::parse("[]"));
  EXPECT_FALSE(Tokenizer::parse("{}"));
  EXPECT_FALSE(Tokenizer::parse("{\"version\": \"1.0\""));
}

TEST(TokenizerModel, AddedTokenMayNotStandTwice) {
  auto tokenizer = Tokenizer::parse(changed(R"("id": 268,
"content": "<a>b")",
                                            R"("id": 267,
"content": "<a>")"));
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().describe(), HasSubstr("\"<a>\": it stands twice"));
}

// Settings that change nothing may have any value.
TEST(TokenizerModel, AcceptsSettingsWithoutEffect) {
  for (const Change& change : {
           Change{R"("fuse_unk": false)", R"("fuse_unk": true)", ""},
           Change{R"("dropout": null)", R"("dropout": 0.0)", ""},
           Change{R"("end_of_word_suffix": null)", R"("end_of_word_suffix": "")", ""},
           Change{R"("trim_offsets": false)", R"("trim_offsets": true)", ""},
           Change{R"("version": "1.0")", R"("version": "1.0", "note": 1)", ""},
       }) {
    auto tokenizer = Tokenizer::parse(changed(change.from, change.to));
    EXPECT_TRUE(tokenizer) << change.to << ": " << tokenizer.error().describe();
  }
}

TEST(TokenizerModel, WithoutNormalizerTextStaysAsItIs) {
  Tokenizer tokenizer = must(Tokenizer::parse(changed(R"("normalizer": {
"type": "NFC"
})",
                                                      R"("normalizer": null)")));
  EXPECT_EQ(must(tokenizer.decode(must(tokenizer.encode("e\u0301x")))), "e\u0301x");
}

TEST(TokenizerModel, MissingFileIsNamed) {
  auto tokenizer = Tokenizer::read("no/such/folder");
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(tokenizer.error().describe(), HasSubstr("tokenizer.json"));
}

}  // namespace
}  // namespace nibble::text
