#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>
#include <vector>

#include "base/json.h"
#include "support/test_files.h"

namespace nibble::text {
namespace {

using nibble::testing::must;
using nibble::testing::TemporaryFolder;
using ::testing::HasSubstr;

void write(const std::filesystem::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

Result<std::string> render(const ChatTemplate& parsed, std::string_view variables) {
  auto document = must(JsonDocument::parse(variables));
  return parsed.render(document.root());
}

TEST(ChatTemplate, ReadsTheTemplateFileFirst) {
  TemporaryFolder folder;
  write(folder / "chat_template.jinja", "file {{ x }}\n");
  write(folder / "tokenizer_config.json", R"({"chat_template": "config"})");
  EXPECT_EQ(must(render(must(ChatTemplate::read(folder.path())), R"({"x": 1})")), "file 1");
}

TEST(ChatTemplate, ReadsTheTokenizerConfig) {
  TemporaryFolder folder;
  write(folder / "tokenizer_config.json", R"({"chat_template": "config {{ x }}"})");
  EXPECT_EQ(must(render(must(ChatTemplate::read(folder.path())), R"({"x": 1})")), "config 1");
}

TEST(ChatTemplate, TakesTheDefaultOfSeveral) {
  TemporaryFolder folder;
  write(folder / "tokenizer_config.json",
        R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(must(render(must(ChatTemplate::read(folder.path())), "{}")), "d");
}

TEST(ChatTemplate, SaysWhereThereIsNone) {
  TemporaryFolder folder;
  auto without_files = ChatTemplate::read(folder.path());
  ASSERT_FALSE(without_files.has_value());
  EXPECT_EQ(without_files.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(without_files.error().describe(), HasSubstr(folder.path().string()));
  write(folder / "tokenizer_config.json", R"({"chat_template": null})");
  auto without_template = ChatTemplate::read(folder.path());
  ASSERT_FALSE(without_template.has_value());
  EXPECT_EQ(without_template.error().code(), ErrorCode::kNotFound);
}

TEST(ChatTemplate, NamesFileAndLineOfASyntaxError) {
  TemporaryFolder folder;
  write(folder / "chat_template.jinja", "a\n{% if x %}\n{{ 1 + }}");
  auto broken = ChatTemplate::read(folder.path());
  ASSERT_FALSE(broken.has_value());
  EXPECT_THAT(broken.error().describe(),
              HasSubstr("chat_template.jinja: chat template: line 3: expected an expression, found '}}'"));
}

TEST(ChatTemplate, NamesTheLineOfARenderingError) {
  auto parsed =
      must(ChatTemplate::parse("a\n\n{%- for m in messages %}\n{{ m.role }}\n{{ m.content.text }}{% endfor %}"));
  auto outcome = render(parsed, R"({"messages": [{"role": "user"}]})");
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().describe(), "chat template: line 5: 'dict object' has no attribute 'content'");
}

TEST(ChatTemplate, CarriesTheTemplatesOwnMessage) {
  auto parsed = must(ChatTemplate::parse("x\n{{ raise_exception('No user query, ' ~ who) }}"));
  auto outcome = render(parsed, R"({"who": "Zoë"})");
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().message(), "No user query, Zoë");
  EXPECT_EQ(outcome.error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(outcome.error().describe(), "chat template: line 2: No user query, Zoë");
}

TEST(ChatTemplate, RefusesWhatIsNoTemplateOrNoVariables) {
  EXPECT_FALSE(ChatTemplate::parse("a \xFF b").has_value());
  auto parsed = must(ChatTemplate::parse("x"));
  auto outcome = render(parsed, "[1]");
  ASSERT_FALSE(outcome.has_value());
  EXPECT_THAT(outcome.error().message(), HasSubstr("found an array"));
}

TEST(ChatTemplate, SaysWhatItDoesNotSupport) {
  for (std::string_view source :
       {"{% include 'x' %}", "{% block a %}{% endblock %}", "{% for x in y recursive %}{% endfor %}"}) {
    auto outcome = ChatTemplate::parse(source);
    ASSERT_FALSE(outcome.has_value()) << source;
    EXPECT_EQ(outcome.error().code(), ErrorCode::kUnsupported) << source;
  }
  for (std::string_view source : {"{{ 'a'.format() }}", "{{ 1|urlize }}", "{{ 1 is beautiful }}"}) {
    auto outcome = render(must(ChatTemplate::parse(source)), "{}");
    ASSERT_FALSE(outcome.has_value()) << source;
    EXPECT_EQ(outcome.error().code(), ErrorCode::kUnsupported) << source;
  }
}

TEST(ChatTemplate, RendersOnManyThreadsAtOnce) {
  auto parsed = must(ChatTemplate::read(nibble::testing::source_path("models/qwen36-tiny")));
  auto variables = must(JsonDocument::parse(
      R"({"messages": [{"role": "user", "content": "hi"}], "tools": null, "add_generation_prompt": true})"));
  std::string expected = must(parsed.render(variables.root()));
  EXPECT_EQ(expected, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n");
  std::vector<int> wrong(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : wrong) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          auto outcome = parsed.render(variables.root());
          count += !outcome || *outcome != expected;
        }
      });
    }
  }
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace nibble::text
