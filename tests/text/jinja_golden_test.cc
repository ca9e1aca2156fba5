// Snippets rendered by jinja2 itself: tools/golden/jinja.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "support/test_files.h"
#include "text/jinja/template.h"

namespace nibble::text::jinja {
namespace {

using nibble::testing::must;
using ::testing::HasSubstr;

Result<std::string> render(std::string_view source, JsonView variables) {
  ASSIGN_OR_RETURN(Template parsed, Template::parse(source));
  return parsed.render(variables);
}

void expect_outcome(JsonView row, const Result<std::string>& outcome) {
  if (auto expected = row.find("expected").as_string()) {
    ASSERT_TRUE(outcome.has_value()) << outcome.error().describe();
    EXPECT_EQ(*outcome, *expected);
    return;
  }
  ASSERT_FALSE(outcome.has_value()) << "rendered: " << *outcome;
  EXPECT_THAT(outcome.error().describe(), HasSubstr("line "));
  if (auto message = row.find("message").as_string()) {
    EXPECT_THAT(outcome.error().message(), HasSubstr(std::string(*message)));
  }
}

TEST(JinjaGolden, RendersAsJinja2) {
  auto lines = nibble::testing::must_read_lines(nibble::testing::golden_path("text/jinja.jsonl"));
  ASSERT_GE(lines.size(), 301u);
  auto first = must(JsonDocument::parse(lines[0]));
  JsonView variables = first.root().find("variables");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    auto row = must(JsonDocument::parse(lines[i]));
    std::string_view source = *row.root().find("template").as_string();
    SCOPED_TRACE(source);
    expect_outcome(row.root(), render(source, variables));
  }
}

}  // namespace
}  // namespace nibble::text::jinja
