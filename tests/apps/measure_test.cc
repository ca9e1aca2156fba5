// synth and bench: a folder out of nothing, and how fast a folder runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "program.h"

namespace nibble::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::must;
using testing::TemporaryFolder;

std::string tiny_config() { return tiny() + "/config.json"; }

TEST(Synth, MakesAFolderThatOtherVerbsOpen) {
  const TemporaryFolder folder;
  const std::string output = (folder / "out").string();
  const Outcome made = run({"synth", "--config", tiny_config(), "--layers", "4", "--no-mtp", "-o", output, "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.err, IsEmpty());
  const JsonDocument document = must(JsonDocument::parse(made.out));
  EXPECT_EQ(document.root().find("recipe").as_string(), "nvidia");
  EXPECT_GT(document.root().find("bytes").as_integer().value(), 1'000'000);

  const Outcome seen = run({"inspect", output, "--json"});
  ASSERT_EQ(seen.exit_code, 0) << seen.err;
  const JsonDocument facts = must(JsonDocument::parse(seen.out));
  EXPECT_EQ(facts.root().find("layers").as_integer(), 4);
  EXPECT_EQ(facts.root().find("quantization").as_string(), "MIXED_PRECISION");
}

TEST(Synth, RefusesWhatItCannotDo) {
  const TemporaryFolder folder;
  const std::string output = (folder / "out").string();
  EXPECT_EQ(run({"synth"}).exit_code, 2);
  EXPECT_EQ(run({"synth", "-o", output, "--preset", "qwen3.6-35b-a3b", "--config", tiny_config()}).exit_code, 2);
  EXPECT_THAT(run({"synth", "-o", output, "--preset", "gpt-5"}).err,
              HasSubstr("no preset 'gpt-5'; nibble has qwen3.6"));
  EXPECT_EQ(run({"synth", "-o", output, "--recipe", "int2"}).exit_code, 3);
  const Outcome full = run({"synth", "-o", output, "--layers", "4000", "--recipe", "bf16"});
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_THAT(full.err, HasSubstr("ask for fewer layers"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Bench, RunsWithoutATokenizerAndKnowsTheLimits) {
  const TemporaryFolder folder;
  const std::string model = (folder / "model").string();
  ASSERT_EQ(run({"synth", "--config", tiny_config(), "-o", model}).exit_code, 0);
  const Outcome outcome =
      run({"bench", model, "-p", "8,16", "-n", "4", "-t", "2", "-r", "2", "--layers", "4", "--profile", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, IsEmpty());
  const JsonDocument document = must(JsonDocument::parse(outcome.out));
  const JsonView rows = document.root().find("rows");
  ASSERT_EQ(rows.size(), 3U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const JsonView row = rows.element(i);
    EXPECT_GT(row.find("share_of_limit").as_double().value(), 0);
    EXPECT_LE(row.find("share_of_limit").as_double().value(), 1.2);
    EXPECT_EQ(row.find("repetitions").size(), 2U);
    EXPECT_GT(row.find("estimated_tokens_per_second_of_all_layers").as_double().value(), 0);
    EXPECT_GT(row.find("profile").find("operations").size(), 5U);
  }
}

TEST(Bench, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"bench", tiny(), "-t", "0"}).exit_code, 2);
  EXPECT_EQ(run({"bench", tiny(), "--output", "xml"}).exit_code, 2);
  EXPECT_THAT(run({"bench", tiny(), "--layers", "9"}).err, HasSubstr("the model has 8"));
}

}  // namespace
}  // namespace nibble::apps
