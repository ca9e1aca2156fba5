// Every verb doing what it is for, on the small real model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::must;
using testing::must_read;
using ::testing::Not;
using testing::source_path;
using ::testing::StartsWith;
using testing::TemporaryFolder;

JsonDocument parse(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return must(JsonDocument::parse(outcome.out));
}

std::string heldout() { return source_path("data/chats_heldout.txt").string(); }

// A short question to the tiny model, answered without reasoning and without chance.
Outcome ask(const std::string& folder, const std::string& question, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"run",           folder,     "-p",           question,
                                        "--no-thinking", "--greedy", "--max-tokens", "60"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

TEST(Version, IsOneLine) {
  Outcome outcome = run({"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, MatchesRegex("nibble [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Inspect, ForPeopleAndForPrograms) {
  Outcome page = run({"inspect", tiny()});
  EXPECT_EQ(page.exit_code, 0);
  EXPECT_THAT(page.out, HasSubstr("Qwen3_5MoeForConditionalGeneration"));
  EXPECT_THAT(page.out, HasSubstr("bf16"));
  EXPECT_THAT(page.err, IsEmpty());

  JsonDocument json = parse(run({"inspect", tiny(), "--json"}));
  EXPECT_EQ(json.root().find("layers").as_integer(), 8);
  EXPECT_EQ(json.root().find("total").find("parameters").as_integer(), 12'190'112);
}

// Quantized once for all tests of this fixture.
class Quantized : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    made_ = new Outcome(run({"quantize", tiny(), "-o", output(), "--recipe", "nvidia", "--calibration-tokens", "600"}));
  }
  static void TearDownTestSuite() {
    delete made_;
    delete folder_;
  }
  static std::string output() { return (*folder_ / "nvidia").string(); }

  static TemporaryFolder* folder_;
  static Outcome* made_;
};
TemporaryFolder* Quantized::folder_ = nullptr;
Outcome* Quantized::made_ = nullptr;

TEST_F(Quantized, PrintsFormatsSizesAndErrors) {
  EXPECT_EQ(made_->exit_code, 0) << made_->err;
  EXPECT_THAT(made_->out, HasSubstr("routed experts"));
  EXPECT_THAT(made_->out, HasSubstr("nvfp4"));
  EXPECT_THAT(made_->out, HasSubstr("kept"));
  EXPECT_THAT(made_->out, HasSubstr("2.18 times smaller"));
  EXPECT_THAT(made_->err, IsEmpty());
}

TEST_F(Quantized, IsAModelOptCheckpoint) {
  JsonDocument json = parse(run({"inspect", output(), "--json"}));
  EXPECT_THAT(*json.root().find("quantization").as_string(), HasSubstr("MIXED_PRECISION"));
}

TEST_F(Quantized, IsCloseToTheOriginal) {
  JsonDocument json =
      parse(run({"eval", output(), "--reference", tiny(), "--text", heldout(), "--max-chunks", "2", "--json"}));
  JsonView report = json.root();
  EXPECT_EQ(report.find("chunks").as_integer(), 2);
  EXPECT_EQ(report.find("scored_tokens").as_integer(), 510);
  double kld = *report.find("mean_kld").find("value").as_double();
  EXPECT_GT(kld, 1e-4);
  EXPECT_LT(kld, 2e-2);
  EXPECT_GT(*report.find("same_top").find("value").as_double(), 0.85);
  double ratio = *report.find("log_perplexity_ratio").find("value").as_double();
  double quotient = *report.find("perplexity").find("value").as_double() /
                    *report.find("reference_perplexity").find("value").as_double();
  EXPECT_NEAR(ratio, std::log(quotient), 1e-12);
}

TEST_F(Quantized, Answers) { EXPECT_EQ(ask(output(), "What is the opposite of early?").out, "late\n"); }

TEST(Quantize, ReportsAsJson) {
  TemporaryFolder folder;
  JsonDocument json =
      parse(run({"quantize", tiny(), "-o", (folder / "max").string(), "--recipe", "nvfp4-max", "--json"}));
  EXPECT_EQ(json.root().find("recipe").as_string(), "nvfp4-max");
  JsonView experts = json.root().find("classes").element(0);
  EXPECT_EQ(experts.find("class").as_string(), "routed experts");
  EXPECT_EQ(experts.find("format").as_string(), "nvfp4");
  EXPECT_NEAR(*experts.find("relative_error").as_double(), 0.095, 0.005);
}

// The installed program takes <prefix>/share/nibble/calibration.txt, which here cannot be read as text.
TEST(Quantize, FindsTheInstalledCalibrationText) {
  TemporaryFolder prefix;
  std::filesystem::create_directories(prefix / "bin");
  std::filesystem::create_directories(prefix / "share/nibble");
  std::filesystem::copy_file(NIBBLE_PROGRAM, prefix / "bin/nibble");
  must(write_file(prefix / "share/nibble/calibration.txt", "bad \xff"));
  Outcome outcome = Process({.arguments = {"quantize", tiny(), "-o", (prefix / "x").string(), "--recipe", "nvidia"},
                             .input = "",
                             .program = prefix / "bin/nibble"})
                        .wait();
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr((prefix / "share/nibble/calibration.txt").string()));
}

TEST(Eval, OneModelAlone) {
  Outcome outcome = run({"eval", tiny(), "--text", heldout(), "--max-chunks", "2", "--chunk", "256"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2 chunks of 256 tokens, 254 tokens scored"));
  EXPECT_THAT(outcome.out, HasSubstr("perplexity"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("KL divergence")));
}

TEST(Eval, AModelFromItself) {
  Outcome outcome = run({"eval", tiny(), "--reference", tiny(), "--text", heldout(), "--max-chunks", "1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("KL divergence, mean"));
  EXPECT_THAT(outcome.out, HasSubstr("100.0000 ± 0"));
}

TEST(Run, AnswersOnePromptWithTheAnswerAlone) {
  Outcome outcome = ask(tiny(), "Which number is larger, 683 or 909?");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "909\n");
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST(Run, AsJson) {
  JsonDocument json = parse(ask(tiny(), "Which number is larger, 683 or 909?", {"--json"}));
  EXPECT_EQ(json.root().find("content").as_string(), "909");
  EXPECT_EQ(json.root().find("finish_reason").as_string(), "stop");
  EXPECT_GT(*json.root().find("prompt_tokens").as_integer(), 10);
  EXPECT_EQ(json.root().find("tool_calls").size(), 0U);
}

TEST(Run, CallsATool) {
  TemporaryFolder folder;
  must(write_file(folder / "tools.json", R"([{"type": "function", "function": {"name": "get_weather",
    "description": "Weather in a city", "parameters": {"type": "object",
    "properties": {"city": {"type": "string"}}, "required": ["city"]}}}])"));
  Outcome outcome = ask(tiny(), "What is the weather in Lisbon?", {"--tools", (folder / "tools.json").string()});
  EXPECT_EQ(outcome.out, "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Lisbon\"}}\n") << outcome.err;
}

TEST(Run, ReasoningIsShownWhereAskedFor) {
  std::vector<std::string> arguments = {"run",      tiny(),         "-p", "What is 2 + 3? Think step by step.",
                                        "--greedy", "--max-tokens", "60"};
  Outcome quiet = run(arguments);
  EXPECT_THAT(quiet.out, Not(HasSubstr("<think>")));
  arguments.emplace_back("--show-thinking");
  Outcome shown = run(arguments);
  EXPECT_THAT(shown.out, StartsWith("<think>\n"));
  EXPECT_THAT(shown.out, HasSubstr("\n</think>\n\n" + quiet.out));
}

TEST(Run, KeepsTheConversationUntilExit) {
  Outcome outcome = run(
      {"run", tiny(), "--no-thinking", "--greedy"},
      "What is the opposite of early?\n\nWhich number is larger, 683 or 909?\n/exit\nWhat is the plural of lamp?\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "late\n909\n");
  EXPECT_THAT(outcome.err, IsEmpty());  // no prompt marker where no one sits
}

TEST(Run, TheSeedDecides) {
  auto draw = [](const char* seed) {
    return run({"run", tiny(), "--raw", "-p", "The", "--max-tokens", "30", "--seed", seed}).out;
  };
  EXPECT_EQ(draw("7"), draw("7"));
  EXPECT_NE(draw("7"), draw("8"));
}

TEST(Run, CompletesStandardInput) {
  std::string prompt =
      "<|im_start|>user\nWhat is the opposite of early?<|im_end|>\n<|im_start|>assistant\n<think>\n\n"
      "</think>\n\n";
  EXPECT_EQ(run({"run", tiny(), "--raw", "--greedy"}, prompt).out, "late\n");
}

TEST(Run, SaysThatTheContextIsFull) {
  Outcome outcome = run({"run", tiny(), "--raw", "-p", "one two three", "--context", "12", "--seed", "1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("the context is full"));
}

TEST(Tokenize, ThereAndBack) {
  std::string text = "Hello, wörld 😀\r\n<|im_start|> 42\n";
  Outcome ids = run({"tokenize", tiny()}, text);
  EXPECT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_THAT(ids.out, MatchesRegex("[0-9]+( [0-9]+)*\n"));
  EXPECT_EQ(run({"tokenize", tiny(), "--decode"}, ids.out).out, text);

  Outcome json = run({"tokenize", tiny(), "--json"}, text);
  EXPECT_EQ(parse(json).root().size(), static_cast<std::size_t>(std::ranges::count(ids.out, ' ')) + 1);
  EXPECT_EQ(run({"tokenize", tiny(), "--decode"}, json.out).out, text);
  EXPECT_EQ(run({"tokenize", tiny(), "--decode", "--json"}, "64 65").out.front(), '"');
  EXPECT_EQ(run({"tokenize", tiny()}, "").out, "\n");
}

TEST(Render, MessagesOrVariables) {
  std::string messages = R"([{"role": "user", "content": "Hi"}])";
  EXPECT_EQ(run({"render", tiny()}, messages).out, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n");
  EXPECT_EQ(run({"render", tiny()}, R"({"enable_thinking": false, "messages": )" + messages + "}").out,
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
  EXPECT_EQ(run({"render", tiny()}, R"({"add_generation_prompt": false, "messages": )" + messages + "}").out,
            "<|im_start|>user\nHi<|im_end|>\n");
}

TEST(Logits, WritesANumpyMatrix) {
  TemporaryFolder folder;
  must(write_file(folder / "ids.txt", "1, 2\n3 [64]"));
  Outcome outcome = run({"logits", tiny(), "--ids", (folder / "ids.txt").string(), "-o", (folder / "x.npy").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, IsEmpty());

  std::string file = must_read(folder / "x.npy");
  ASSERT_THAT(file, StartsWith(std::string("\x93NUMPY\x01\x00", 8)));
  std::size_t header = 10U + static_cast<unsigned char>(file[8]) + 256U * static_cast<unsigned char>(file[9]);
  EXPECT_EQ(header % 64, 0U);
  EXPECT_EQ(file[header - 1], '\n');
  EXPECT_THAT(file.substr(10, header - 10),
              StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4096), }"));
  ASSERT_EQ(file.size(), header + 4U * 4096U * sizeof(float));

  std::vector<float> last(4096);
  std::memcpy(last.data(), file.data() + file.size() - 4096 * sizeof(float), 4096 * sizeof(float));
  EXPECT_TRUE(std::ranges::all_of(last, [](float logit) { return std::isfinite(logit); }));
  // The most likely next token is the one that a greedy reply begins with.
  auto top = std::ranges::max_element(last) - last.begin();
  Outcome text = run({"tokenize", tiny(), "--decode"}, "1 2 3 64");
  Outcome reply = run({"run", tiny(), "--raw", "--greedy", "--max-tokens", "1", "-p", text.out});
  EXPECT_EQ(run({"tokenize", tiny(), "--decode"}, std::to_string(top)).out + "\n", reply.out);
}

}  // namespace
}  // namespace nibble::apps
