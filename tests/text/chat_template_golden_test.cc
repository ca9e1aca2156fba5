// Conversations rendered by transformers: tools/golden/chat_template.py. Of the official template only hashes are kept.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "base/json.h"
#include "support/sha256.h"
#include "support/test_files.h"
#include "text/chat_template.h"

namespace nibble::text {
namespace {

using nibble::testing::must;
using nibble::testing::must_read;
using nibble::testing::sha256_hex;

constexpr std::string_view kOfficialSha256 = "e84f32a23fdda27689f868aa4a1a5621f41133e51a48d7f3efcbea2839574259";

std::vector<std::string> golden_lines() {
  auto lines = nibble::testing::must_read_lines(nibble::testing::golden_path("text/chat_template.jsonl"));
  EXPECT_GE(lines.size(), 500u);
  return lines;
}

// What transformers says of a row stands under `name`, its error under `name`_error; "other" is Python's own error.
void expect_as_transformers(const ChatTemplate& parsed, JsonView row, const std::string& name,
                            std::string (*recorded)(std::string_view)) {
  auto outcome = parsed.render(row.find("variables"));
  if (auto expected = row.find(name).as_string()) {
    ASSERT_TRUE(outcome.has_value()) << outcome.error().describe();
    EXPECT_EQ(recorded(*outcome), *expected);
    return;
  }
  auto expected = row.find(name + "_error").as_string();
  ASSERT_TRUE(expected.has_value());
  ASSERT_FALSE(outcome.has_value()) << "rendered: " << *outcome;
  if (*expected == "other") return;
  EXPECT_EQ(recorded(outcome.error().message()), *expected);
}

void expect_all_as_transformers(const ChatTemplate& parsed, const std::string& name,
                                std::string (*recorded)(std::string_view)) {
  int number = 0;
  for (const std::string& line : golden_lines()) {
    SCOPED_TRACE(::testing::Message() << "conversation " << ++number);
    auto row = must(JsonDocument::parse(line));
    expect_as_transformers(parsed, row.root(), name, recorded);
    if (::testing::Test::HasFailure()) break;  // the next ones would repeat it
  }
}

std::optional<std::filesystem::path> official_template() {
  if (const char* path = std::getenv("NIBBLE_OFFICIAL_TEMPLATE")) return path;
  return nibble::testing::shared_path("qwen36/chat_template.jinja");
}

TEST(ChatTemplateGolden, TinyModelAsTransformers) {
  auto parsed = must(ChatTemplate::read(nibble::testing::source_path("models/qwen36-tiny")));
  expect_all_as_transformers(parsed, "tiny", [](std::string_view text) { return std::string(text); });
}

TEST(ChatTemplateGolden, OfficialTemplateAsTransformers) {
  auto path = official_template();
  if (!path) GTEST_SKIP() << "needs ../shared/qwen36/chat_template.jinja or NIBBLE_OFFICIAL_TEMPLATE";
  std::string source = must_read(*path);
  ASSERT_EQ(sha256_hex(source), kOfficialSha256) << *path << " is not the official template";
  auto parsed = must(ChatTemplate::parse(source));
  expect_all_as_transformers(parsed, "official", [](std::string_view text) { return sha256_hex(text); });
}

}  // namespace
}  // namespace nibble::text
