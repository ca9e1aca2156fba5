#include "model/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/file.h"

namespace nibble::testing {

Golden::Golden(std::string_view name)
    : tensors_(must(checkpoint::TensorStore::open_file(golden_path("model/" + std::string(name) + ".safetensors")))) {}

template <typename T>
std::vector<T> Golden::values(const std::string& name) const {
  const checkpoint::TensorEntry* entry = tensors_.find(name);
  if (entry == nullptr) die(Error(ErrorCode::kNotFound, "the golden has no tensor " + name));
  const auto bytes = tensors_.bytes(*entry);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template std::vector<float> Golden::values(const std::string& name) const;
template std::vector<std::int32_t> Golden::values(const std::string& name) const;
template std::vector<std::uint64_t> Golden::values(const std::string& name) const;

std::vector<std::string> Golden::names_after(std::string_view prefix) const {
  std::vector<std::string> names;
  for (const auto& entry : tensors_.with_prefix(prefix)) names.emplace_back(entry.name.substr(prefix.size()));
  return names;
}

TestModel::TestModel(const std::filesystem::path& folder, int threads)
    : pool_(std::make_unique<ThreadPool>(threads)),
      checkpoint_(must(checkpoint::Checkpoint::open(folder))),
      model_(must(model::load_text_model(checkpoint_, *pool_))) {}

std::unique_ptr<model::SequenceState> TestModel::state(std::int64_t capacity) const {
  return must(model_->new_state(capacity));
}

std::vector<float> TestModel::run(std::span<const model::TokenId> tokens, model::SequenceState& state,
                                  model::LogitsOf wanted) const {
  std::vector<float> logits;
  must(model_->forward(tokens, state, wanted, logits));
  return logits;
}

std::vector<float> TestModel::run(std::span<const model::TokenId> tokens) const {
  return run(tokens, *state(static_cast<std::int64_t>(tokens.size())));
}

std::vector<float> TestModel::run_in_pieces(std::span<const model::TokenId> tokens, std::span<const std::size_t> pieces,
                                            model::SequenceState& state) const {
  std::vector<float> all;
  auto piece = pieces.begin();
  while (!tokens.empty()) {
    const std::size_t count = std::min(tokens.size(), piece == pieces.end() ? std::size_t{1} : *piece++);
    const auto logits = run(tokens.first(count), state);
    all.insert(all.end(), logits.begin(), logits.end());
    tokens = tokens.subspan(count);
  }
  return all;
}

std::filesystem::path tiny_folder() { return source_path("models/qwen36-tiny"); }
std::filesystem::path odd_folder() { return golden_path("model/odd"); }

OddWithConfig::OddWithConfig(std::string_view from, std::string_view to) {
  std::string config = must_read(odd_folder() / "config.json");
  std::size_t at = config.find(from);
  if (at == std::string::npos) die(Error(ErrorCode::kNotFound, "config.json has no " + std::string(from)));
  for (; at != std::string::npos; at = config.find(from, at + to.size())) config.replace(at, from.size(), to);
  must(write_file(folder_ / "config.json", config));
  std::filesystem::create_symlink(odd_folder() / "model.safetensors", folder_ / "model.safetensors");
}

float largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<float>::infinity();
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::abs(a[i] - b[i]);
    if (!std::isfinite(difference)) return std::numeric_limits<float>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

namespace {

float log_sum_exp(std::span<const float> row) {
  const double top = *std::ranges::max_element(row);
  double sum = 0;
  for (const float value : row) sum += std::exp(value - top);
  return static_cast<float>(top + std::log(sum));
}

void expect_sampled_logits(const Golden& golden, const std::string& prompt, std::span<const float> logits,
                           std::size_t vocab) {
  const auto rows = golden.ints(prompt + ".rows");
  const auto columns = golden.ints(prompt + ".columns");
  std::vector<float> whole, sampled, largest, sums;
  for (const std::int32_t row : rows) {
    const auto values = logits.subspan(static_cast<std::size_t>(row) * vocab, vocab);
    whole.insert(whole.end(), values.begin(), values.end());
  }
  for (std::size_t begin = 0; begin < logits.size(); begin += vocab) {
    const auto row = logits.subspan(begin, vocab);
    for (const std::int32_t column : columns) sampled.push_back(row[static_cast<std::size_t>(column)]);
    largest.push_back(*std::ranges::max_element(row));
    sums.push_back(log_sum_exp(row));
  }
  EXPECT_LE(largest_difference(whole, golden.floats(prompt + ".logits")), kLogitBound) << prompt;
  EXPECT_LE(largest_difference(sampled, golden.floats(prompt + ".sampled")), kLogitBound) << prompt;
  EXPECT_LE(largest_difference(largest, golden.floats(prompt + ".max")), kLogitBound) << prompt;
  EXPECT_LE(largest_difference(sums, golden.floats(prompt + ".logsumexp")), kLogitBound) << prompt;

  // The golden's best token must be within the bound of ours, row by row.
  const auto best = golden.ints(prompt + ".argmax");
  std::vector<float> at_best;
  for (std::size_t row = 0; row < best.size(); ++row) {
    at_best.push_back(logits[row * vocab + static_cast<std::size_t>(best[row])]);
  }
  EXPECT_LE(largest_difference(at_best, largest), kLogitBound) << prompt;
}

}  // namespace

void expect_golden_logits(const Golden& golden, const std::string& prompt, std::span<const float> logits,
                          std::int64_t vocab) {
  const auto width = static_cast<std::size_t>(vocab);
  ASSERT_EQ(logits.size(), golden.ints(prompt + ".ids").size() * width);
  if (golden.contains(prompt + ".sampled")) {
    expect_sampled_logits(golden, prompt, logits, width);
  } else {
    EXPECT_LE(largest_difference(logits, golden.floats(prompt + ".logits")), kLogitBound) << prompt;
  }
}

void expect_all_prompts(const Golden& golden, const TestModel& model, std::size_t longest) {
  for (const std::size_t length : {1U, 3U, 63U, 64U, 65U, 300U}) {
    const std::string prompt = "prompt" + std::to_string(length);
    const auto ids = golden.ints(prompt + ".ids");
    ASSERT_EQ(ids.size(), length);
    if (length <= longest) expect_golden_logits(golden, prompt, model.run(ids), model.vocab());
  }
}

void expect_golden_greedy(const Golden& golden, const std::string& name, const TestModel& model) {
  const auto prompt = golden.ints(name + ".prompt");
  const auto tokens = golden.ints(name + ".tokens");
  const auto margins = golden.floats(name + ".margins");
  ASSERT_EQ(tokens.size(), 100U);

  const auto state = model.state(static_cast<std::int64_t>(prompt.size() + tokens.size()));
  std::vector<float> logits = model.run(prompt, *state, model::LogitsOf::kLastToken);
  for (std::size_t step = 0; step < tokens.size(); ++step) {
    const auto best = std::ranges::max_element(logits) - logits.begin();
    if (margins[step] > kLogitBound) {
      EXPECT_EQ(best, tokens[step]) << name << " step " << step;
    }
    logits = model.run(std::span(tokens).subspan(step, 1), *state, model::LogitsOf::kLastToken);
  }
}

}  // namespace nibble::testing
