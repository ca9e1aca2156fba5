#include "evaluate/divergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "support/fake_text_model.h"
#include "support/test_files.h"

namespace nibble::evaluate {
namespace {

using model::TokenId;
using nibble::testing::FakeTextModel;
using nibble::testing::golden_path;
using nibble::testing::must;
using nibble::testing::must_read;
using ::testing::HasSubstr;

constexpr std::int64_t kVocab = 64;
constexpr std::int64_t kContext = 400;

// The made-up models of tools/golden/divergence.py.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

double uniform(std::initializer_list<std::uint64_t> keys) {
  std::uint64_t state = 0;
  for (std::uint64_t key : keys) state = mix(state ^ key);
  return static_cast<double>(state >> 40) * 0x1p-24;
}

void golden_logits(std::span<const TokenId> history, std::span<float> out, bool with_noise) {
  auto first = static_cast<std::uint64_t>(history.front());
  auto last = static_cast<std::uint64_t>(history.back());
  for (std::size_t v = 0; v < out.size(); ++v) {
    double logit = 24 * uniform({1, first, last, history.size(), v}) - 12;
    if (with_noise) logit += 1.5 * (uniform({2, first, last, history.size(), v}) - 0.5);
    out[v] = static_cast<float>(logit);
  }
}

FakeTextModel golden_model(bool with_noise) {
  return {kVocab, kContext, [with_noise](std::span<const TokenId> history, std::span<float> out) {
            golden_logits(history, out, with_noise);
          }};
}

std::vector<TokenId> golden_tokens() {
  std::vector<TokenId> tokens;
  for (std::uint64_t i = 0; i < 400; ++i) tokens.push_back(static_cast<TokenId>(mix(i) % kVocab));
  return tokens;
}

void expect_close(double found, JsonView expected, const char* name) {
  EXPECT_NEAR(found, *expected.as_double(), 1e-10 + 1e-9 * std::abs(*expected.as_double())) << name;
}

void expect_close(const Estimate& found, JsonView expected, const char* name) {
  expect_close(found.value, expected.element(0), name);
  expect_close(found.standard_error, expected.element(1), name);
}

TEST(Divergence, EqualsNumpy) {
  FakeTextModel reference = golden_model(false);
  FakeTextModel candidate = golden_model(true);
  auto document = must(JsonDocument::parse(must_read(golden_path("evaluate/divergence.json"))));
  JsonView cases = document.root().find("cases");
  ASSERT_EQ(cases.size(), 4U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    JsonView expected = cases.element(i);
    DivergenceOptions options{.chunk_tokens = *expected.find("chunk_tokens").as_integer(),
                              .max_chunks = *expected.find("max_chunks").as_integer()};
    SCOPED_TRACE(options.chunk_tokens);
    DivergenceReport report = must(measure_divergence(&reference, candidate, golden_tokens(), options));
    EXPECT_EQ(report.chunks, expected.find("chunks").as_integer());
    EXPECT_EQ(report.scored_tokens, expected.find("scored_tokens").as_integer());
    expect_close(report.perplexity, expected.find("perplexity"), "perplexity");
    expect_close(report.reference_perplexity, expected.find("reference_perplexity"), "reference_perplexity");
    expect_close(report.log_perplexity_ratio, expected.find("log_perplexity_ratio"), "log_perplexity_ratio");
    expect_close(report.log_perplexity_correlation, expected.find("log_perplexity_correlation"), "correlation");
    expect_close(report.mean_kld, expected.find("mean_kld"), "mean_kld");
    expect_close(report.kld_median, expected.find("kld_percentiles").element(0), "median");
    expect_close(report.kld_p90, expected.find("kld_percentiles").element(1), "p90");
    expect_close(report.kld_p95, expected.find("kld_percentiles").element(2), "p95");
    expect_close(report.kld_p99, expected.find("kld_percentiles").element(3), "p99");
    expect_close(report.kld_p999, expected.find("kld_percentiles").element(4), "p99.9");
    expect_close(report.kld_max, expected.find("kld_percentiles").element(5), "max");
    expect_close(report.mean_delta_p, expected.find("mean_delta_p"), "mean_delta_p");
    expect_close(report.rms_delta_p, expected.find("rms_delta_p"), "rms_delta_p");
    expect_close(report.same_top, expected.find("same_top"), "same_top");
  }
}

TEST(Divergence, WithoutReferenceOnlyThePerplexity) {
  FakeTextModel reference = golden_model(false);
  FakeTextModel candidate = golden_model(true);
  DivergenceReport alone = must(measure_divergence(nullptr, candidate, golden_tokens(), {.chunk_tokens = 32}));
  DivergenceReport both = must(measure_divergence(&reference, candidate, golden_tokens(), {.chunk_tokens = 32}));
  EXPECT_EQ(alone.perplexity.value, both.perplexity.value);
  EXPECT_EQ(alone.perplexity.standard_error, both.perplexity.standard_error);
  EXPECT_EQ(alone.reference_perplexity.value, 0);
}

TEST(Divergence, OfAModelFromItselfIsNone) {
  FakeTextModel model = golden_model(true);
  DivergenceReport report = must(measure_divergence(&model, model, golden_tokens(), {.chunk_tokens = 64}));
  EXPECT_EQ(report.log_perplexity_ratio.value, 0);
  EXPECT_EQ(report.log_perplexity_ratio.standard_error, 0);
  EXPECT_NEAR(report.log_perplexity_correlation, 1, 1e-12);
  EXPECT_EQ(report.kld_max, 0);
  EXPECT_EQ(report.same_top.value, 1);
  EXPECT_EQ(report.rms_delta_p.value, 0);
}

TEST(Divergence, EqualLogitsGiveThePerplexityOfTheVocabulary) {
  FakeTextModel model(kVocab, kContext, [](std::span<const TokenId>, std::span<float> out) {
    for (float& logit : out) logit = -700;
  });
  DivergenceReport report = must(measure_divergence(nullptr, model, golden_tokens(), {.chunk_tokens = 16}));
  EXPECT_NEAR(report.perplexity.value, kVocab, 1e-9);
}

std::string failure(const model::TextModel* reference, const model::TextModel& candidate,
                    const std::vector<TokenId>& tokens, const DivergenceOptions& options) {
  auto report = measure_divergence(reference, candidate, tokens, options);
  return report ? "no error" : report.error().describe();
}

TEST(Divergence, BadRequestsAreErrorsThatNameTheNumbers) {
  FakeTextModel model = golden_model(false);
  FakeTextModel smaller(60, kContext, [](std::span<const TokenId>, std::span<float>) {});
  std::vector<TokenId> tokens = golden_tokens();

  std::vector<TokenId> few(tokens.begin(), tokens.begin() + 31);
  EXPECT_THAT(failure(nullptr, model, few, {.chunk_tokens = 32}), HasSubstr("31 tokens, fewer than one chunk of 32"));
  EXPECT_THAT(failure(nullptr, model, {}, {}), HasSubstr("0 tokens"));
  EXPECT_THAT(failure(nullptr, model, tokens, {.chunk_tokens = 7}), HasSubstr("at least 8"));
  EXPECT_THAT(failure(&smaller, model, tokens, {.chunk_tokens = 32}), HasSubstr("64 and 60"));

  std::vector<TokenId> long_text(500, 1);
  EXPECT_THAT(failure(nullptr, model, long_text, {.chunk_tokens = 401}), HasSubstr("context holds 400"));

  tokens[63] = kVocab;  // the last of a chunk: predicted, but never put into the model
  EXPECT_THAT(failure(nullptr, model, tokens, {.chunk_tokens = 64}), HasSubstr("token 63 of the text is 64"));
}

TEST(Divergence, DamagedLogitsAndInterruptionEndIt) {
  FakeTextModel model = golden_model(false);
  FakeTextModel damaged(kVocab, kContext, [](std::span<const TokenId> history, std::span<float> out) {
    out[0] = history.size() > 20 ? std::numeric_limits<float>::quiet_NaN() : 0;
  });
  std::string message = failure(&damaged, model, golden_tokens(), {.chunk_tokens = 32});
  EXPECT_THAT(message, HasSubstr("reference"));
  EXPECT_THAT(message, HasSubstr("not finite"));

  model.fail_next();
  auto stopped = measure_divergence(nullptr, model, golden_tokens(), {.chunk_tokens = 32});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace nibble::evaluate
