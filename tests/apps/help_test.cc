// The manual page and the shell completion say what --help says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::Contains;
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

Names matches(const std::string& text, const std::regex& pattern) {
  Names found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

const std::regex kLongOption("(--[a-z][a-z-]*)");

// Option names on the lines of a help text that begin with one.
Names options_in_help(const std::string& help) {
  Names options;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, std::regex("^  (?:-[a-z],)?(--[a-z-]+)"))) options.insert(match[1]);
  }
  return options;
}

Names verbs_in_help() {
  std::string help = help_of({});
  return matches(help.substr(help.find("Subcommands:")), std::regex("\n  ([a-z]+) "));
}

// The manual's plain words by section: "" before the first verb, then each verb.
std::map<std::string, std::string> manual_sections() {
  std::map<std::string, std::string> sections;
  std::string verb;
  std::istringstream lines(std::regex_replace(must_read(source_path("docs/nibble.1")), std::regex("\\\\-"), "-"));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, std::regex("^\\.SS \"nibble ([a-z]+)"))) verb = match[1];
    if (line.starts_with(".SH")) verb.clear();
    sections[verb] += line + "\n";
  }
  return sections;
}

// Names of the lines after .TP, where options are explained.
Names options_in_manual(const std::string& section) {
  Names options;
  std::istringstream lines(section);
  std::string before;
  for (std::string line; std::getline(lines, line); before = line) {
    if (before != ".TP") continue;
    for (const std::string& option : matches(line, kLongOption)) options.insert(option);
  }
  return options;
}

// What the completion offers after a verb.
Names options_in_completion(const std::string& verb) {
  std::string script = must_read(source_path("apps/nibble/completion.bash"));
  std::smatch match;
  EXPECT_TRUE(std::regex_search(script, match, std::regex("\n    " + verb + "\\)[^\"]*options=\"([^\"]*)\""))) << verb;
  return matches(match[1], kLongOption);
}

TEST(Help, EveryVerbHasExamplesAndSaysNothingOnStandardError) {
  Names verbs = verbs_in_help();
  EXPECT_EQ(verbs, (Names{"inspect", "quantize", "run", "eval", "logits", "tokenize", "render"}));
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
  Names all;
  for (const std::string& verb : verbs_in_help()) {
    EXPECT_EQ(options_in_completion(verb), options_in_help(help_of({verb}))) << verb;
    all.insert(verb);
  }
  std::string script = must_read(source_path("apps/nibble/completion.bash"));
  std::smatch match;
  ASSERT_TRUE(std::regex_search(script, match, std::regex("\n    \\*\\) options=\"([^\"]*)\"")));
  EXPECT_EQ(matches(match[1], kLongOption), options_in_help(help_of({})));
  Names words = matches(match[1], std::regex("([a-z-]+)"));
  for (const std::string& verb : all) EXPECT_THAT(words, Contains(verb));
}

}  // namespace
}  // namespace nibble::apps
