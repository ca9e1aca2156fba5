// A sequence is one thing however it is fed: splits, reset, neighbours, threads, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <numeric>
#include <random>

#include "base/interrupt.h"
#include "model/golden.h"
#include "support/test_files.h"

namespace nibble {
namespace {

using model::LogitsOf;
using model::SequenceState;
using model::TokenId;
using testing::expect_golden_logits;
using testing::Golden;
using ::testing::HasSubstr;
using testing::kLogitBound;
using testing::largest_difference;
using testing::must;
using testing::TestModel;

std::vector<std::size_t> random_pieces(std::mt19937& random) {
  std::vector<std::size_t> pieces(12);
  for (std::size_t& piece : pieces) piece = random() % 3 == 0 ? 1 : 1 + random() % 70;
  return pieces;
}

std::vector<TokenId> random_tokens(std::size_t count, std::int64_t vocab, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens(count);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random() % static_cast<unsigned>(vocab));
  return tokens;
}

void expect_same_under_splits(const std::filesystem::path& folder, const char* golden_name) {
  const Golden golden(golden_name);
  const TestModel model(folder);
  const auto ids = golden.ints("prompt300.ids");
  const auto state = model.state(300);
  std::mt19937 random(7);
  for (int round = 0; round < 4; ++round) {
    const auto pieces = round == 0 ? std::vector<std::size_t>{} : random_pieces(random);  // round 0: one by one
    SCOPED_TRACE(::testing::PrintToString(pieces));
    state->reset();
    expect_golden_logits(golden, "prompt300", model.run_in_pieces(ids, pieces, *state), model.vocab());
  }
}

TEST(Sequence, AnySplitOfTheTinyPromptAgreesWithTransformers) {
  expect_same_under_splits(testing::tiny_folder(), "tiny");
}

TEST(Sequence, AnySplitOfTheOddPromptAgreesWithTransformers) { expect_same_under_splits(testing::odd_folder(), "odd"); }

// Longer than the chunks that forward() cuts for itself.
TEST(Sequence, LongPromptsAreCutInside) {
  const TestModel model(testing::odd_folder());
  const auto tokens = random_tokens(1024, model.vocab(), 3);
  const auto state = model.state(1024);
  const std::vector<std::size_t> pieces = {100, 200, 300, 400, 24};
  EXPECT_LE(largest_difference(model.run(tokens), model.run_in_pieces(tokens, pieces, *state)), kLogitBound);
  EXPECT_EQ(state->length(), 1024);
}

TEST(Sequence, LogitsOfTheLastTokenOrNone) {
  const TestModel model(testing::odd_folder());
  const auto tokens = random_tokens(600, model.vocab(), 4);
  const auto all = model.run(tokens);
  const auto last = std::span(all).last(static_cast<std::size_t>(model.vocab()));

  const auto state = model.state(600);
  EXPECT_EQ(largest_difference(model.run(tokens, *state, LogitsOf::kLastToken), last), 0.0F);

  state->reset();
  EXPECT_TRUE(model.run(std::span(tokens).first(599), *state, LogitsOf::kNone).empty());
  EXPECT_EQ(state->length(), 599);
  EXPECT_LE(largest_difference(model.run(std::span(tokens).last(1), *state, LogitsOf::kLastToken), last), kLogitBound);
}

TEST(Sequence, ThreadsDoNotShow) {
  const TestModel one(testing::odd_folder(), 1);
  const TestModel three(testing::odd_folder(), 3);
  const auto tokens = random_tokens(130, one.vocab(), 5);
  EXPECT_EQ(largest_difference(one.run(tokens), three.run(tokens)), 0.0F);
}

TEST(Sequence, ResetForgetsEverything) {
  const TestModel model(testing::odd_folder());
  const auto tokens = random_tokens(70, model.vocab(), 6);
  const auto state = model.state(80);
  model.run(random_tokens(80, model.vocab(), 7), *state);
  state->reset();
  EXPECT_EQ(state->length(), 0);
  EXPECT_EQ(largest_difference(model.run(tokens, *state), model.run(tokens)), 0.0F);
}

TEST(Sequence, NeighboursDoNotDisturbEachOther) {
  const TestModel model(testing::odd_folder());
  const auto a = random_tokens(40, model.vocab(), 8);
  const auto b = random_tokens(40, model.vocab(), 9);
  const auto state_a = model.state(40);
  const auto state_b = model.state(40);
  std::vector<float> together_a, together_b;
  for (std::size_t begin = 0; begin < 40; begin += 8) {
    const auto append = [&](std::vector<float>& all, std::span<const TokenId> tokens, SequenceState& state) {
      const auto logits = model.run(tokens.subspan(begin, 8), state);
      all.insert(all.end(), logits.begin(), logits.end());
    };
    append(together_a, a, *state_a);
    append(together_b, b, *state_b);
  }
  EXPECT_LE(largest_difference(together_a, model.run(a)), kLogitBound);
  EXPECT_LE(largest_difference(together_b, model.run(b)), kLogitBound);
}

TEST(Sequence, ACopyGoesItsOwnWay) {
  const TestModel model(testing::odd_folder());
  const auto tokens = random_tokens(60, model.vocab(), 12);
  const auto state = model.state(60);
  model.run(std::span(tokens).first(40), *state);
  const auto copy = must(state->copy());
  EXPECT_EQ(copy->length(), 40);
  EXPECT_EQ(copy->capacity(), 60);
  EXPECT_EQ(copy->bytes(), state->bytes());
  const auto rest = model.run(std::span(tokens).last(20), *state);
  EXPECT_EQ(copy->length(), 40);
  EXPECT_EQ(largest_difference(model.run(std::span(tokens).last(20), *copy), rest), 0.0F);
}

TEST(Sequence, StateKnowsItsSize) {
  const TestModel model(testing::odd_folder());
  // Two full layers of 3 KV heads of 128; three DeltaNet layers of 448 channels and 8 matrices of 48 x 32.
  const std::uint64_t fixed = 3 * (3 * 448 + 8 * 48 * 32) * sizeof(float);
  const std::uint64_t per_token = 2 * 2 * 3 * 128 * sizeof(float);
  EXPECT_EQ(model.state(1)->bytes(), fixed + per_token);
  EXPECT_EQ(model.state(100)->bytes(), fixed + 100 * per_token);
  EXPECT_EQ(model.state(100)->capacity(), 100);
}

// A refused call changes nothing: the sequence goes on as if it had not been made.
void expect_refused(const TestModel& model, std::span<const TokenId> tokens, SequenceState& state,
                    const std::string& message) {
  const auto length = state.length();
  std::vector<float> logits;
  const Status status = model->forward(tokens, state, LogitsOf::kLastToken, logits);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(status.error().describe(), HasSubstr(message));
  EXPECT_EQ(state.length(), length);
}

TEST(Sequence, BadCallsAreRefusedAndChangeNothing) {
  const TestModel model(testing::odd_folder());
  const TestModel other(testing::odd_folder());
  const auto tokens = random_tokens(20, model.vocab(), 10);
  const auto state = model.state(20);
  model.run(std::span(tokens).first(10), *state);

  expect_refused(model, {}, *state, "at least one token");
  expect_refused(model, std::vector<TokenId>{1, 2, -1}, *state, "token id -1 at index 2 is outside");
  expect_refused(model, std::vector<TokenId>{320}, *state,
                 "token id 320 at index 0 is outside the model's vocabulary of 320");
  expect_refused(model, std::span(tokens).first(11), *state, "11 tokens after 10 exceed the context of 20");
  expect_refused(other, tokens, *state, "another model");

  const auto rest = model.run(std::span(tokens).last(10), *state, LogitsOf::kLastToken);
  const auto whole = model.run(tokens);
  EXPECT_LE(largest_difference(rest, std::span(whole).last(rest.size())), kLogitBound);
}

void expect_longest_context(const std::filesystem::path& folder, std::int64_t longest) {
  const TestModel model(folder);
  for (const std::int64_t capacity : {std::int64_t{0}, std::int64_t{-5}, longest + 1, std::int64_t{1} << 60}) {
    const auto state = model->new_state(capacity);
    ASSERT_FALSE(state.has_value()) << capacity;
    EXPECT_EQ(state.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(state.error().describe(), HasSubstr("1 to " + std::to_string(longest)));
  }
}

TEST(Sequence, ContextMustFitTheModel) {
  expect_longest_context(testing::odd_folder(), 1024);
  EXPECT_EQ(TestModel(testing::odd_folder()).state(1024)->capacity(), 1024);
}

TEST(Sequence, YarnStretchesTheContext) {
  const testing::OddWithConfig folder(
      R"("rope_type": "default")", R"("rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024)");
  expect_longest_context(folder.path(), 4096);
  EXPECT_EQ(TestModel(folder.path()).state(4096)->capacity(), 4096);
}

TEST(Sequence, AbsurdContextsAreCut) {
  const testing::OddWithConfig folder(R"("max_position_embeddings": 1024)",
                                      R"("max_position_embeddings": 1099511627776)");
  expect_longest_context(folder.path(), 1 << 24);
}

TEST(SequenceDeathTest, InterruptionResetsTheState) {
  // In a process of its own: an interruption cannot be taken back.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto interrupt_a_forward_pass = [] {
    const TestModel model(testing::odd_folder(), 1);
    const auto state = model.state(10);
    model.run(std::vector<TokenId>{1, 2, 3}, *state);
    install_interrupt_handler();
    (void)std::raise(SIGINT);
    std::vector<float> logits;
    const Status status = model->forward(std::vector<TokenId>{4}, *state, LogitsOf::kLastToken, logits);
    const bool as_promised = !status && status.error().code() == ErrorCode::kInterrupted && state->length() == 0;
    std::_Exit(as_promised ? 0 : 1);
  };
  EXPECT_EXIT(interrupt_a_forward_pass(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace nibble
