#include "text/tokenizer_split.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "support/test_files.h"

namespace nibble::text {
namespace {

using ::nibble::testing::golden_path;
using ::nibble::testing::must;
using ::nibble::testing::must_read_lines;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> words(const Splitter& splitter, std::string_view text) {
  std::vector<std::string> found;
  must(splitter.split(text, [&found](std::string_view word) { found.emplace_back(word); }));
  return found;
}

// What Oniguruma makes of the same expressions and texts: tools/golden/tokenizer.py.
TEST(Splitter, CutsAsOnigurumaDoes) {
  for (const std::string& line : must_read_lines(golden_path("text/tokenizer_split.jsonl"))) {
    JsonDocument row = must(JsonDocument::parse(line));
    std::string_view expression = *row.root().element(0).as_string();
    std::string_view text = *row.root().element(1).as_string();
    std::vector<std::string> expected;
    JsonView pieces = row.root().element(2);
    for (std::size_t i = 0; i < pieces.size(); ++i) expected.emplace_back(*pieces.element(i).as_string());
    ASSERT_EQ(words(must(Splitter::compile(expression)), text), expected) << expression << " on " << text;
  }
}

TEST(Splitter, KeepsWhatLiesBetweenMatches) {
  Splitter digits = must(Splitter::compile(R"(\p{N}+)"));
  EXPECT_THAT(words(digits, "ab12c3"), ElementsAre("ab", "12", "c", "3"));
  EXPECT_THAT(words(digits, "ab"), ElementsAre("ab"));
  EXPECT_THAT(words(digits, ""), ElementsAre());
}

// Where the two dialects differ, or might: never an approximation.
TEST(Splitter, RefusesWhatItCannotTranslate) {
  for (std::string_view pattern :
       {"a.b",        "^a",         "a$",        R"(\d+)",  R"(\w)",          R"(\h)",  R"(\bx)",   R"([\S])",
        R"(\p{Lu})",  R"(\p{^L})",  R"(\pL)",    R"(\p{L)", R"([[:alpha:]])", "[a&&b]", "[a-c-e]",  "[z-a]",
        "[]",         "[^]",        "[a",        "(?<=a)b", "(?<n>a)",        "(?i)a",  "(?>a)",    "(?m:a)",
        "(a",         "a)",         "a**",       "a{2}{3}", "a{2}+",          "a{2,1}", "a{,3}",    "a{1001}",
        "a{x}",       "*a",         "a|+",       "(?i:ss)", "(?i:fLy)",       "(?i:é)", "(?i:[a])", "(?i:a+)",
        "(?i:(a))",   "(?!a)*b",    R"(\x{41})", R"(\)",    R"(\1)",          "a]",     "a}",       "(?i:a b)",
        R"((?i:\.))", R"([\P{L}])", R"([\d])",   R"(a++?)", "(?#note)a",      R"(\Ra)", "{1}",      ""}) {
    auto splitter = Splitter::compile(pattern);
    ASSERT_FALSE(splitter) << pattern;
    EXPECT_EQ(splitter.error().code(), ErrorCode::kUnsupported) << pattern << ": " << splitter.error().describe();
    EXPECT_THAT(splitter.error().describe(), HasSubstr("split pattern"));
  }
}

TEST(Splitter, RefusesPatternsThatMatchNothing) {
  for (std::string_view pattern : {"a*", "a|", "(?=a)", "(?:)"}) {
    auto splitter = Splitter::compile(pattern);
    ASSERT_FALSE(splitter) << pattern;
    EXPECT_THAT(splitter.error().describe(), HasSubstr("can match nothing"));
  }
}

TEST(Splitter, LimitsNesting) {
  std::string open;
  for (int i = 0; i < 100'000; ++i) open += "(?:";
  EXPECT_FALSE(Splitter::compile(open));
}

TEST(Splitter, EndlessBacktrackingIsAnError) {
  Splitter splitter = must(Splitter::compile("(?:a|aa)+b"));
  Status status = splitter.split(std::string(200, 'a') + "c b", [](std::string_view) {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(status.error().describe(), HasSubstr("from byte 0"));
}

}  // namespace
}  // namespace nibble::text
