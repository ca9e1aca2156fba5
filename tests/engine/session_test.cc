#include "engine/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/fake_text_model.h"
#include "support/test_files.h"

namespace nibble::engine {
namespace {

using nibble::testing::FakeTextModel;
using nibble::testing::must;
using nibble::testing::source_path;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kVocab = 4096;

// The tiny model's tokenizer with a model that knows one text by heart: after any beginning of it comes the next token.
// Where it was not taught, it says "?".
class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : model_{make_model()}, fake_(static_cast<FakeTextModel*>(model_.model.get())) {}

  LoadedModel make_model() {
    auto tokenizer = must(text::Tokenizer::read(source_path("models/qwen36-tiny")));
    unknown_ = *tokenizer.id_of("?");
    auto fake = std::make_unique<FakeTextModel>(
        kVocab, 600, [this](std::span<const TokenId> history, std::span<float> out) { predict(history, out); });
    checkpoint::GenerationConfig generation;
    generation.eos_token_ids = {*tokenizer.id_of("<|im_end|>"), *tokenizer.id_of("<|endoftext|>")};
    return {nullptr, nullptr, std::move(fake), std::move(tokenizer), std::move(generation)};
  }

  void predict(std::span<const TokenId> history, std::span<float> out) {
    std::ranges::fill(out, 0.0F);
    auto known = next_.find({history.begin(), history.end()});
    out[static_cast<std::size_t>(known == next_.end() ? unknown_ : known->second)] = 10;
    out[kVocab - 1] = 99;  // a padding row of the head that must never be chosen
  }

  void learn(std::string_view text) {
    std::vector<TokenId> tokens = encode(text);
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      next_[{tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(i)}] = tokens[i];
    }
  }

  std::vector<TokenId> encode(std::string_view text) { return must(model_.tokenizer.encode(text)); }
  std::int64_t count(std::string_view text) { return static_cast<std::int64_t>(encode(text).size()); }

  Result<GenerationResult> generate(Session& session, std::string_view prompt, std::int64_t max_new_tokens = 100) {
    streamed_.clear();
    return session.generate(prompt, {.temperature = 0}, max_new_tokens, [this](std::string_view piece) {
      streamed_ += piece;
      return Status();
    });
  }

  TokenId unknown_ = 0;
  std::map<std::vector<TokenId>, TokenId> next_;
  LoadedModel model_;
  FakeTextModel* fake_;
  std::string streamed_;
};

TEST_F(SessionTest, StreamsUntilAStopTokenWhichIsNoPartOfTheReply) {
  learn("How are you? Quite well.<|im_end|>");
  Session session = must(Session::create(model_, 100));
  GenerationResult result = must(generate(session, "How are you?"));
  EXPECT_EQ(result.text, " Quite well.");
  EXPECT_EQ(streamed_, result.text);
  EXPECT_EQ(result.tokens, encode(" Quite well."));
  EXPECT_EQ(result.finish, FinishReason::kStopToken);
  EXPECT_EQ(result.prompt_tokens, count("How are you?"));
  EXPECT_EQ(result.reused_tokens, 0);
}

TEST_F(SessionTest, EveryEndOfSequenceTokenOfTheGenerationConfigStops) {
  learn("one two<|endoftext|>");
  Session session = must(Session::create(model_, 100));
  EXPECT_EQ(must(generate(session, "one")).finish, FinishReason::kStopToken);
}

TEST_F(SessionTest, LeavesSpecialTokensOutOfTheTextButKeepsThinkTags) {
  learn("a<think>b</think><|im_start|>c<|im_end|>");
  Session session = must(Session::create(model_, 100));
  GenerationResult result = must(generate(session, "a"));
  EXPECT_EQ(result.text, "<think>b</think>c");
  EXPECT_EQ(result.tokens, encode("<think>b</think><|im_start|>c"));
}

TEST_F(SessionTest, SendsWholeCharactersOnly) {
  learn("Smile: 😀🎉 é<|im_end|>");
  Session session = must(Session::create(model_, 100));
  std::vector<std::string> pieces;
  auto sink = [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return Status();
  };
  must(session.generate("Smile:", {.temperature = 0}, 100, sink));
  std::string whole;
  for (const std::string& piece : pieces) {
    EXPECT_TRUE(model_.tokenizer.encode(piece)) << "not valid UTF-8: " << ::testing::PrintToString(piece);
    whole += piece;
  }
  EXPECT_EQ(whole, " 😀🎉 é");
}

TEST_F(SessionTest, LengthLimit) {
  learn("one two three four five<|im_end|>");
  Session session = must(Session::create(model_, 100));
  GenerationResult result = must(generate(session, "one", 2));
  EXPECT_EQ(result.finish, FinishReason::kLength);
  EXPECT_EQ(result.tokens.size(), 2U);
  EXPECT_THAT(must(generate(session, "one", 0)).tokens, IsEmpty());
}

TEST_F(SessionTest, ContextFull) {
  Session session = must(Session::create(model_, 8));
  std::int64_t prompt = count("one two");
  GenerationResult result = must(generate(session, "one two"));
  EXPECT_EQ(result.finish, FinishReason::kContextFull);
  // The last token is sampled from a full state and need not fit into it.
  EXPECT_EQ(static_cast<std::int64_t>(result.tokens.size()), 8 - prompt + 1);
}

TEST_F(SessionTest, PromptThatJustFillsTheContextStillGetsOneToken) {
  std::int64_t prompt = count("one two three");
  Session session = must(Session::create(model_, prompt));
  EXPECT_EQ(must(generate(session, "one two three")).tokens.size(), 1U);
}

TEST_F(SessionTest, PromptLongerThanTheContextNamesBothNumbers) {
  Session session = must(Session::create(model_, 2));
  std::string prompt = "one two three four five";
  auto result = generate(session, prompt);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(result.error().describe(), HasSubstr(std::to_string(count(prompt)) + " tokens"));
  EXPECT_THAT(result.error().describe(), HasSubstr("holds 2"));
}

TEST_F(SessionTest, EmptyPromptIsAnError) {
  Session session = must(Session::create(model_, 10));
  EXPECT_THAT(generate(session, "").error().describe(), HasSubstr("empty"));
}

TEST_F(SessionTest, ContextBeyondTheModelsIsAnError) {
  EXPECT_TRUE(Session::create(model_, 600));
  for (std::int64_t context : {std::int64_t{601}, std::int64_t{0}, std::int64_t{-5}}) {
    auto session = Session::create(model_, context);
    ASSERT_FALSE(session);
    EXPECT_THAT(session.error().describe(), HasSubstr("600"));
  }
}

TEST_F(SessionTest, AContinuedConversationComputesOnlyWhatIsNew) {
  learn("A: hi\nB: hello\nA: bye\nB: see you<|im_end|>");
  Session session = must(Session::create(model_, 100));
  must(generate(session, "A: hi\nB:", 2));
  std::int64_t before = fake_->computed_tokens();

  std::string second = "A: hi\nB: hello\nA: bye\nB:";
  GenerationResult result = must(generate(session, second));
  EXPECT_EQ(result.text, " see you");
  EXPECT_GE(result.reused_tokens, count("A: hi\nB:"));
  std::int64_t generated = static_cast<std::int64_t>(result.tokens.size());
  EXPECT_EQ(fake_->computed_tokens() - before, result.prompt_tokens - result.reused_tokens + generated);
}

TEST_F(SessionTest, AnotherPromptStartsFromNothing) {
  learn("one two<|im_end|>");
  learn("three four<|im_end|>");
  Session session = must(Session::create(model_, 100));
  must(generate(session, "one"));
  GenerationResult result = must(generate(session, "three"));
  EXPECT_EQ(result.text, " four");
  EXPECT_EQ(result.reused_tokens, 0);
}

TEST_F(SessionTest, TheSamePromptAgainIsComputedAgain) {
  learn("one two<|im_end|>");
  Session session = must(Session::create(model_, 100));
  must(generate(session, "one", 0));  // the session now holds exactly the prompt
  GenerationResult result = must(generate(session, "one"));
  EXPECT_EQ(result.text, " two");
  EXPECT_EQ(result.reused_tokens, 0);
}

TEST_F(SessionTest, LongPromptsAreComputedInPieces) {
  std::string prompt;
  while (count(prompt) < 530) prompt += " word";
  learn(prompt + " done<|im_end|>");
  Session session = must(Session::create(model_, 600));
  EXPECT_EQ(must(generate(session, prompt)).text, " done");
}

TEST_F(SessionTest, AfterAFailedPassTheSessionStartsAfresh) {
  learn("one two three<|im_end|>");
  Session session = must(Session::create(model_, 100));
  must(generate(session, "one", 2));
  fake_->fail_next();
  auto failed = generate(session, "one two three");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kInterrupted);
  GenerationResult result = must(generate(session, "one two"));
  EXPECT_EQ(result.text, " three");
  EXPECT_EQ(result.reused_tokens, 0);
}

TEST_F(SessionTest, WhatTheSinkRefusesEndsTheGeneration) {
  learn("one two three four<|im_end|>");
  Session session = must(Session::create(model_, 100));
  int calls = 0;
  auto sink = [&](std::string_view) -> Status {
    ++calls;
    return fail(ErrorCode::kEnvironment, "nobody listens");
  };
  auto result = session.generate("one", {.temperature = 0}, 100, sink);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().describe(), HasSubstr("nobody listens"));
  EXPECT_EQ(calls, 1);
}

TEST_F(SessionTest, DamagedLogitsAreAnErrorNotAToken) {
  for (float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    model_.model = std::make_unique<FakeTextModel>(
        kVocab, 600, [broken](std::span<const TokenId>, std::span<float> out) { out[17] = broken; });
    Session session = must(Session::create(model_, 100));
    auto result = generate(session, "one");
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().describe(), HasSubstr("not finite"));
  }
}

TEST_F(SessionTest, InvalidSamplingOptionsAreAnError) {
  Session session = must(Session::create(model_, 100));
  auto result = session.generate("one", {.temperature = -1}, 1, [](std::string_view) { return Status(); });
  EXPECT_THAT(result.error().describe(), HasSubstr("temperature"));
}

TEST(LoadModel, AFolderThatIsNotThere) {
  auto model = load_model("/nonexistent/model");
  ASSERT_FALSE(model);
  EXPECT_THAT(model.error().describe(), HasSubstr("/nonexistent/model"));
}

TEST(LoadModel, LoadsTheSmallRealModel) {
  LoadedModel model = must(load_model(source_path("models/qwen36-tiny"), 1));
  EXPECT_THAT(model.generation.eos_token_ids, ElementsAre(4034, 4032));
  Session session = must(Session::create(model, 256));
  std::string prompt =
      "<|im_start|>user\nWhat is the opposite of early?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
  auto result = must(session.generate(prompt, {.temperature = 0}, 20, [](std::string_view) { return Status(); }));
  EXPECT_EQ(result.text, "late");
}

}  // namespace
}  // namespace nibble::engine
