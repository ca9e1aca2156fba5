// What goes wrong ends with the right exit code, one message that says what to do, and nothing left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::must;
using testing::must_read;
using testing::source_path;
using ::testing::StartsWith;
using testing::TemporaryFolder;

constexpr int kUsage = 2;
constexpr int kBadInput = 3;
constexpr int kEnvironment = 4;

// The exit code, one line on standard error that has the parts, and nothing on standard output.
void expect_failure(const Outcome& outcome, int exit_code, const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.exit_code, exit_code);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, StartsWith("nibble: "));
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  for (const std::string& part : parts) EXPECT_THAT(outcome.err, HasSubstr(part));
}

std::string heldout() { return source_path("data/chats_heldout.txt").string(); }

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

// The tiny model, its files linked but for those that a test puts in their place.
void link_tiny(const std::filesystem::path& folder, const std::string& but_for) {
  std::filesystem::create_directories(folder);
  for (const auto& entry : std::filesystem::directory_iterator(tiny())) {
    std::filesystem::path name = entry.path().filename();
    if (name != but_for) std::filesystem::create_symlink(entry.path(), folder / name);
  }
}

TEST(Usage, WrongCommandLinesSayHowToGetHelp) {
  expect_failure(run({}), kUsage, {"inspect, quantize, run"});
  expect_failure(run({"frobnicate"}), kUsage, {"expected a verb"});
  expect_failure(run({"inspect"}), kUsage, {"DIR is required", "nibble inspect --help"});
  expect_failure(run({"inspect", tiny(), "--colour"}), kUsage, {"--colour"});
  expect_failure(run({"eval", tiny()}), kUsage, {"--text is required"});
  expect_failure(run({"quantize", tiny(), "--recipe", "nvidia"}), kUsage, {"--output is required"});
  expect_failure(run({"run", tiny(), "--json"}), kUsage, {"--prompt"});
  expect_failure(run({"run", tiny(), "--raw", "--system", "x"}), kUsage, {"--system"});
  expect_failure(run({"run", tiny(), "--greedy", "--temperature", "1"}), kUsage, {"--greedy", "--temperature"});
  expect_failure(run({"run", tiny(), "--temperature", "hot"}), kUsage, {"hot"});
  expect_failure(run({"run", tiny(), "--top-p", "1.5"}), kUsage, {"top_p", "1.5"});
  expect_failure(run({"run", tiny(), "--threads", "0"}), kUsage, {"--threads"});
  expect_failure(run({"eval", tiny(), "--text", heldout(), "--chunk", "7"}), kUsage, {"--chunk"});
}

TEST(Folder, EveryVerbWantsOneThatExists) {
  std::vector<std::vector<std::string>> commands = {{"inspect"},
                                                    {"quantize", "-o", "/nonexistent/out", "--recipe", "nvidia"},
                                                    {"run", "-p", "x"},
                                                    {"eval", "--text", heldout()},
                                                    {"logits", "--ids", heldout(), "-o", "/nonexistent/x.npy"},
                                                    {"tokenize"},
                                                    {"render"}};
  for (auto& command : commands) {
    command.insert(command.begin() + 1, "/nonexistent/model");
    SCOPED_TRACE(command.front());
    expect_failure(run(command), kBadInput, {"there is no folder '/nonexistent/model'"});
  }
  expect_failure(run({"inspect", heldout()}), kBadInput, {"is not a folder"});
}

TEST(Folder, WithoutItsFiles) {
  TemporaryFolder empty;
  std::string folder = empty.path();
  expect_failure(run({"inspect", folder}), kBadInput, {folder, "config.json"});
  expect_failure(run({"run", folder, "-p", "x"}), kBadInput, {folder});
  expect_failure(run({"tokenize", folder}, "x"), kBadInput, {folder, "tokenizer.json"});
  expect_failure(run({"render", folder}, "[]"), kBadInput, {folder, "chat_template"});
}

TEST(Folder, ATruncatedShard) {
  TemporaryFolder folder;
  link_tiny(folder / "model", "model.safetensors");
  std::filesystem::copy_file(tiny() + "/model.safetensors", folder / "model/model.safetensors");
  std::filesystem::permissions(folder / "model/model.safetensors", std::filesystem::perms::owner_all);
  std::filesystem::resize_file(folder / "model/model.safetensors", 20'000'000);
  std::string model = folder / "model";
  expect_failure(run({"inspect", model}), kBadInput, {"model.safetensors"});
  expect_failure(run({"run", model, "-p", "x"}), kBadInput, {"model.safetensors"});
  expect_failure(run({"quantize", model, "-o", (folder / "out").string(), "--recipe", "nvfp4-max"}), kBadInput,
                 {"model.safetensors"});
  EXPECT_THAT(names_in(folder.path()), ::testing::ElementsAre("model"));
}

TEST(Folder, AnUnknownArchitecture) {
  TemporaryFolder folder;
  link_tiny(folder / "model", "config.json");
  std::string config = must_read(tiny() + "/config.json");
  std::string name = "Qwen3_5MoeForConditionalGeneration";
  config.replace(config.find(name), name.size(), "LlamaForCausalLM");
  must(write_file(folder / "model/config.json", config));
  expect_failure(run({"run", (folder / "model").string(), "-p", "x"}), kBadInput, {"LlamaForCausalLM"});
}

TEST(Quantize, RefusesWhatItWouldSpoil) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "taken");
  std::string taken = folder / "taken";
  expect_failure(run({"quantize", tiny(), "-o", taken, "--recipe", "nvfp4-max"}), kBadInput, {taken, "exists"});
  expect_failure(run({"quantize", tiny(), "-o", tiny(), "--recipe", "nvfp4-max"}), kBadInput, {"is the input"});
  expect_failure(run({"quantize", tiny(), "-o", tiny() + "/", "--recipe", "nvfp4-max"}), kBadInput, {"input"});
  EXPECT_THAT(names_in(taken), IsEmpty());
}

TEST(Quantize, RecipesAndCalibrationTexts) {
  TemporaryFolder folder;
  std::string out = folder / "out";
  expect_failure(run({"quantize", tiny(), "-o", out, "--recipe", "best"}), kBadInput, {"'best'", "nvfp4-mse"});
  expect_failure(run({"quantize", tiny(), "-o", out, "--recipe", (folder / "x.toml").string()}), kBadInput, {"x.toml"});
  expect_failure(run({"quantize", tiny(), "-o", out, "--recipe", "nvidia", "--calibration", "/nonexistent"}), kBadInput,
                 {"/nonexistent"});
  must(write_file(folder / "empty", ""));
  expect_failure(
      run({"quantize", tiny(), "-o", out, "--recipe", "nvidia", "--calibration", (folder / "empty").string()}),
      kBadInput, {"is empty"});
  EXPECT_THAT(names_in(folder.path()), ::testing::ElementsAre("empty"));
}

TEST(Run, PromptsThatDoNotFit) {
  expect_failure(run({"run", tiny(), "-p", "one two three four five", "--context", "9"}), kBadInput,
                 {"the prompt has", "the context holds 9"});
  expect_failure(run({"run", tiny(), "-p", "x", "--context", "5000"}), kBadInput, {"5000", "4096"});
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "word ";
  expect_failure(run({"run", tiny(), "--raw"}, long_text), kBadInput, {"the context holds 4096"});
  expect_failure(run({"run", tiny(), "--raw"}, ""), kBadInput, {"empty"});
}

TEST(Run, TextThatIsNotUtf8) {
  expect_failure(run({"run", tiny(), "-p", "a\xff"}), kBadInput, {"UTF-8", "byte 1"});
  expect_failure(run({"run", tiny(), "--system", "\xff", "-p", "x"}), kBadInput, {"the system message", "UTF-8"});
  expect_failure(run({"run", tiny(), "--raw", "-p", "a\xff"}), kBadInput, {"UTF-8", "byte 1"});
}

TEST(Run, ToolsThatAreNotAnArray) {
  TemporaryFolder folder;
  must(write_file(folder / "tools.json", "{}"));
  std::string tools = folder / "tools.json";
  expect_failure(run({"run", tiny(), "-p", "x", "--tools", tools}), kBadInput, {"tools.json", "array"});
  must(write_file(folder / "tools.json", "[1,"));
  expect_failure(run({"run", tiny(), "-p", "x", "--tools", tools}), kBadInput, {"tools.json", "not valid JSON"});
}

TEST(Eval, TextsThatCannotBeScored) {
  TemporaryFolder folder;
  must(write_file(folder / "short", "too short"));
  must(write_file(folder / "bytes", "\xff"));
  expect_failure(run({"eval", tiny(), "--text", "/nonexistent"}), kBadInput, {"/nonexistent"});
  expect_failure(run({"eval", tiny(), "--text", folder.path()}), kBadInput, {"not a regular file"});
  expect_failure(run({"eval", tiny(), "--text", (folder / "short").string()}), kBadInput,
                 {"fewer than one chunk of 512"});
  expect_failure(run({"eval", tiny(), "--text", (folder / "bytes").string()}), kBadInput, {"bytes", "UTF-8"});
  expect_failure(run({"eval", tiny(), "--text", heldout(), "--chunk", "5000"}), kBadInput, {"5000", "4096"});
  expect_failure(run({"eval", tiny(), "--text", heldout(), "--reference", "/nonexistent"}), kBadInput,
                 {"'/nonexistent'"});
}

TEST(Logits, IdsThatAreNone) {
  TemporaryFolder folder;
  std::string ids = folder / "ids";
  std::string output = folder / "x.npy";
  auto attempt = [&](const std::string& text) {
    must(write_file(ids, text));
    return run({"logits", tiny(), "--ids", ids, "-o", output});
  };
  expect_failure(attempt("1 2 4096"), kBadInput, {"4096 at index 2", "vocabulary of 4096"});
  expect_failure(attempt("1 -2"), kBadInput, {"byte 2", "-2"});
  expect_failure(attempt("1 2x"), kBadInput, {"2x"});
  expect_failure(attempt("99999999999999"), kBadInput, {"byte 0"});
  expect_failure(attempt(""), kBadInput, {"no token id"});
  std::string many;
  for (int i = 0; i < 4097; ++i) many += "7 ";
  expect_failure(attempt(many), kBadInput, {"4097", "4096"});
  EXPECT_THAT(names_in(folder.path()), ::testing::ElementsAre("ids"));
}

TEST(Logits, OutputsThatCannotBe) {
  TemporaryFolder folder;
  must(write_file(folder / "ids", "1"));
  std::string ids = folder / "ids";
  expect_failure(run({"logits", tiny(), "--ids", ids, "-o", (folder / "no/x.npy").string()}), kBadInput, {"no/x.npy"});
  expect_failure(run({"logits", tiny(), "--ids", ids, "-o", folder.path()}), kBadInput, {"not a regular file"});
}

TEST(Tokenize, BytesAndIdsThatAreNone) {
  expect_failure(run({"tokenize", tiny()}, "ab\xc3("), kBadInput, {"standard input", "UTF-8", "byte 2"});
  expect_failure(run({"tokenize", tiny(), "--decode"}, "5 4058"), kBadInput, {"standard input", "4058", "4057"});
  expect_failure(run({"tokenize", tiny(), "--decode"}, "five"), kBadInput, {"\"five\""});
}

TEST(Render, JsonThatIsNone) {
  expect_failure(run({"render", tiny()}, "{"), kBadInput, {"standard input", "not valid JSON"});
  expect_failure(run({"render", tiny()}, "5"), kBadInput, {"expected an array of messages"});
  expect_failure(run({"render", tiny()}, "[]"), kBadInput, {tiny(), "There are no messages."});
  expect_failure(run({"render", tiny()}, R"([{"role": "robot", "content": "x"}])"), kBadInput, {tiny()});
}

TEST(Output, AFullDiskIsSaid) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"inspect", tiny()}, {"--help"}, {"run", tiny(), "-p", "Hi", "--no-thinking"}}) {
    Outcome outcome = Process({.arguments = arguments, .input = "", .output = "/dev/full"}).wait();
    EXPECT_EQ(outcome.exit_code, kEnvironment);
    EXPECT_THAT(outcome.err, AllOf(StartsWith("nibble: cannot write to standard output"), HasSubstr("No space left")));
  }
}

}  // namespace
}  // namespace nibble::apps
