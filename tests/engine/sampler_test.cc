#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace nibble::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr int kDraws = 20'000;

// Logits whose softmax is `probabilities`.
std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::map<TokenId, double> frequencies(const SamplingOptions& options, const std::vector<float>& logits) {
  Sampler sampler(options);
  std::map<TokenId, double> seen;
  auto vocab = static_cast<std::int64_t>(logits.size());
  for (int i = 0; i < kDraws; ++i) seen[sampler.sample(logits, vocab)] += 1.0 / kDraws;
  return seen;
}

std::set<TokenId> possible(const SamplingOptions& options, const std::vector<float>& logits) {
  std::set<TokenId> ids;
  for (const auto& [id, frequency] : frequencies(options, logits)) ids.insert(id);
  return ids;
}

// Five standard deviations of a frequency over kDraws draws.
double tolerance(double p) { return 5 * std::sqrt(p * (1 - p) / kDraws); }

TEST(Sampler, GreedyTakesTheMostLikelyAndTheLowerIdOfEquals) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 5, 2, 5}, 4), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-3, -2, -1}, 3), 2);
}

TEST(Sampler, NeverChoosesPaddingRows) {
  std::vector<float> logits = {0, 1, 50, 60};
  Sampler greedy({.temperature = 0});
  EXPECT_EQ(greedy.sample(logits, 2), 1);
  Sampler sampled({.temperature = 2, .seed = 3});
  for (int i = 0; i < 200; ++i) EXPECT_LT(sampled.sample(logits, 2), 2);
}

TEST(Sampler, DrawsWithTheProbabilitiesOfTheSoftmax) {
  std::vector<double> p = {0.5, 0.25, 0.125, 0.0625, 0.0625};
  auto seen = frequencies({.seed = 7}, logits_of(p));
  for (std::size_t id = 0; id < p.size(); ++id) {
    EXPECT_NEAR(seen[static_cast<TokenId>(id)], p[id], tolerance(p[id])) << id;
  }
}

TEST(Sampler, TemperatureDividesTheLogits) {
  std::vector<double> p = {0.64, 0.32, 0.04};
  auto seen = frequencies({.temperature = 2, .seed = 1}, logits_of(p));  // weights are the square roots: 8, 5.66, 2
  double total = 0.8 + std::sqrt(0.32) + 0.2;
  for (std::size_t id = 0; id < p.size(); ++id) {
    double expected = std::sqrt(p[id]) / total;
    EXPECT_NEAR(seen[static_cast<TokenId>(id)], expected, tolerance(expected)) << id;
  }
}

TEST(Sampler, TemperatureNearZeroIsGreedyWithoutOverflow) {
  std::vector<float> logits = {-80, 90, 89.999F};
  EXPECT_THAT(possible({.temperature = 1e-300}, logits), ElementsAre(1));
}

TEST(Sampler, TopKKeepsExactlyKAndTheLowerIdsOfEquals) {
  std::vector<float> logits = {1, 3, 3, 2, 3};
  EXPECT_THAT(possible({.top_k = 2, .seed = 2}, logits), UnorderedElementsAre(1, 2));
  EXPECT_THAT(possible({.top_k = 1}, logits), ElementsAre(1));
  EXPECT_EQ(possible({.top_k = 99}, logits).size(), 5U);
}

TEST(Sampler, TopPKeepsTheShortestHeadThatHoldsP) {
  std::vector<float> logits = logits_of({0.125, 0.5, 0.25, 0.125});
  EXPECT_THAT(possible({.top_p = 0.5}, logits), ElementsAre(1));
  EXPECT_THAT(possible({.top_p = 0.6}, logits), UnorderedElementsAre(1, 2));
  EXPECT_THAT(possible({.top_p = 0.8}, logits), UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(possible({.top_p = 1e-9}, logits), ElementsAre(1));
}

TEST(Sampler, TopPMeasuresWhatTopKLeft) {
  // Of the two that top_k leaves, the first holds 0.4 / 0.7 = 0.57 of the probability: enough for 0.55 only after
  // top_k.
  std::vector<float> logits = logits_of({0.4, 0.3, 0.2, 0.1});
  EXPECT_THAT(possible({.top_k = 2, .top_p = 0.55}, logits), ElementsAre(0));
  EXPECT_THAT(possible({.top_p = 0.55}, logits), UnorderedElementsAre(0, 1));
}

TEST(Sampler, MinPIsRelativeToTheMostLikelyAfterTemperature) {
  std::vector<float> logits = logits_of({0.64, 0.32, 0.04});  // relative 1, 0.5, 0.0625
  EXPECT_THAT(possible({.min_p = 0.51}, logits), ElementsAre(0));
  EXPECT_THAT(possible({.min_p = 0.4}, logits), UnorderedElementsAre(0, 1));
  // At temperature 2 the third has 0.25 of the first.
  EXPECT_THAT(possible({.temperature = 2, .min_p = 0.2}, logits), UnorderedElementsAre(0, 1, 2));
}

TEST(Sampler, PresencePenaltyIsTakenOnceFromGeneratedTokens) {
  Sampler sampler({.temperature = 0, .presence_penalty = 1.5});
  std::vector<float> logits = {5, 4, 3};
  EXPECT_EQ(sampler.sample(logits, 3), 0);  // now 3.5, 4, 3
  EXPECT_EQ(sampler.sample(logits, 3), 1);  // now 3.5, 2.5, 3
  EXPECT_EQ(sampler.sample(logits, 3), 0);  // still 3.5: once, not per occurrence
  EXPECT_EQ(sampler.sample(logits, 3), 0);
}

TEST(Sampler, PenaltyComesBeforeTemperature) {
  // Two equal logits, the first generated before and so penalised by 1: at temperature 0.5 the odds are e^2; were the
  // penalty taken after the temperature, e^1.
  std::vector<float> only_first = {0, -1000};
  int second = 0;
  for (int i = 0; i < kDraws; ++i) {
    Sampler fresh({.temperature = 0.5, .presence_penalty = 1, .seed = static_cast<std::uint64_t>(i)});
    fresh.sample(only_first, 2);
    second += fresh.sample(std::vector<float>{0, 0}, 2);
  }
  double expected = std::exp(2.0) / (1 + std::exp(2.0));
  EXPECT_NEAR(static_cast<double>(second) / kDraws, expected, tolerance(expected));
}

// The numbers were computed with Python integers: splitmix64 from this seed, a uniform draw over 1,000 equal logits.
TEST(Sampler, TheSameSeedGivesTheSameTokensOnEveryPlatform) {
  std::vector<float> logits(1000, 0.25F);
  Sampler sampler({.seed = 42});
  std::vector<TokenId> drawn;
  for (int i = 0; i < 5; ++i) drawn.push_back(sampler.sample(logits, 1000));
  EXPECT_THAT(drawn, ElementsAre(741, 159, 278, 344, 38));

  Sampler other({.seed = 43});
  EXPECT_NE(other.sample(logits, 1000), 741);
}

TEST(Sampler, ValidateNamesOptionRangeAndFinding) {
  EXPECT_TRUE(validate({}));
  EXPECT_TRUE(validate({.temperature = 2, .top_k = 1, .top_p = 0.01, .min_p = 1, .presence_penalty = -2}));
  auto message = [](const SamplingOptions& options) { return validate(options).error().describe(); };
  EXPECT_THAT(message({.temperature = -0.1}), HasSubstr("temperature: expected a number from 0 to 2, found -0.1"));
  EXPECT_THAT(message({.temperature = std::numeric_limits<double>::quiet_NaN()}), HasSubstr("found nan"));
  EXPECT_THAT(message({.top_p = 0}), HasSubstr("top_p"));
  EXPECT_THAT(message({.top_p = 1.01}), HasSubstr("top_p"));
  EXPECT_THAT(message({.min_p = -1}), HasSubstr("min_p"));
  EXPECT_THAT(message({.presence_penalty = 2.5}), HasSubstr("presence_penalty"));
  EXPECT_THAT(message({.top_k = -1}), HasSubstr("top_k"));
}

}  // namespace
}  // namespace nibble::engine
