// The manual page and the shell completion say what --help says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::HasSubstr;
using testing::must_read;
using testing::source_path;

using Names = std::set<std::string>;

std::string help_of(const std::vector<std::string>& verb) {
  std::vector<std::string> arguments = verb;
  arguments.emplace_back("--help");
  Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

std::string completion_script() { return must_read(source_path("apps/nibble/completion.bash")); }

// The text between `before` and `after`.
std::string between(const std::string& text, const std::string& before, const std::string& after) {
  std::size_t begin = text.find(before);
  EXPECT_NE(begin, std::string::npos) << before;
  if (begin == std::string::npos) return "";
  begin += before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

Names words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// Every "--option" in the text.
Names long_options(const std::string& text) {
  constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz-";
  Names options;
  for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at)) {
    std::size_t end = std::min(text.find_first_not_of(kNameCharacters, at), text.size());
    options.insert(text.substr(at, end - at));
    at = end;
  }
  return options;
}

// Option names on the lines of a help text that begin with one.
Names options_in_help(const std::string& help) {
  Names options;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  -")) options.merge(long_options(line.substr(0, line.find("  ", 2))));
  }
  return options;
}

Names verbs_in_help() {
  Names verbs;
  std::istringstream lines(between(help_of({}), "Subcommands:\n", "\n\n"));
  for (std::string line; std::getline(lines, line);) verbs.insert(between(line, "  ", " "));
  return verbs;
}

// The manual's lines by section, "-" without its backslash: "" for what is about no verb, then each verb.
std::map<std::string, std::string> manual_sections() {
  std::map<std::string, std::string> sections;
  std::string verb;
  std::string manual = must_read(source_path("docs/nibble.1"));
  std::erase(manual, '\\');
  std::istringstream lines(manual);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".SS")) verb = between(line, ".SS \"nibble ", " ");
    if (line.starts_with(".SH")) verb.clear();
    sections[verb] += line + "\n";
  }
  return sections;
}

// Names on the lines after .TP, where options are explained.
Names options_in_manual(const std::string& section) {
  Names options;
  std::istringstream lines(section);
  std::string before;
  for (std::string line; std::getline(lines, line); before = line) {
    if (before == ".TP") options.merge(long_options(line));
  }
  return options;
}

// What the completion offers after a verb, or after nothing: "*".
std::string completion(const std::string& verb) {
  return between(between(completion_script(), "\n    " + verb + ")", ";;"), "options=\"", "\"");
}

TEST(Help, EveryVerbHasExamplesAndSaysNothingOnStandardError) {
  Names verbs = verbs_in_help();
  EXPECT_EQ(verbs, (Names{"inspect", "quantize", "run", "eval", "bench", "synth", "logits", "tokenize", "render"}));
  for (const std::string& verb : verbs) EXPECT_THAT(help_of({verb}), HasSubstr("Examples:\n  ")) << verb;
}

TEST(Help, FitsOnATerminal) {
  for (const std::string& verb : verbs_in_help()) {
    std::istringstream lines(help_of({verb}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << verb << ": " << line;
  }
}

TEST(Help, TheManualExplainsTheSameOptions) {
  auto manual = manual_sections();
  for (const std::string& verb : verbs_in_help()) {
    ASSERT_TRUE(manual.contains(verb)) << verb;
    Names options = options_in_help(help_of({verb}));
    EXPECT_EQ(options.erase("--help"), 1U);  // explained once for all verbs
    EXPECT_EQ(options_in_manual(manual[verb]), options) << verb;
  }
  EXPECT_EQ(options_in_manual(manual[""]), options_in_help(help_of({})));
}

TEST(Help, TheCompletionOffersTheSameOptions) {
  for (const std::string& verb : verbs_in_help()) {
    EXPECT_EQ(long_options(completion(verb)), options_in_help(help_of({verb}))) << verb;
  }
  Names first_words = verbs_in_help();
  first_words.merge(options_in_help(help_of({})));
  EXPECT_EQ(words(completion("*")), first_words);
}

}  // namespace
}  // namespace nibble::apps
