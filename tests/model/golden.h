// Goldens of the model room: safetensors files written by tools/golden/model_*.py, and models to compare with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_store.h"
#include "model/text_model.h"
#include "support/test_files.h"

namespace nibble::testing {

// No logit may be further from transformers' than this. 2e-3 is promised; 4e-5 was measured on both checkpoints, and
// transformers itself is up to 8e-5 from float64: a quarter of the promise shows a rounding in the wrong place.
inline constexpr float kLogitBound = 5e-4F;

class Golden {
 public:
  // tests/golden/model/NAME.safetensors
  explicit Golden(std::string_view name);

  std::vector<float> floats(const std::string& name) const { return values<float>(name); }
  std::vector<std::int32_t> ints(const std::string& name) const { return values<std::int32_t>(name); }
  std::uint64_t digest() const { return values<std::uint64_t>("digest").front(); }
  bool contains(const std::string& name) const { return tensors_.contains(name); }
  // Names of the tensors that begin with prefix, without it.
  std::vector<std::string> names_after(std::string_view prefix) const;

 private:
  template <typename T>
  std::vector<T> values(const std::string& name) const;

  checkpoint::TensorStore tensors_;
};

// A checkpoint opened and bound, with threads of its own.
class TestModel {
 public:
  explicit TestModel(const std::filesystem::path& folder, int threads = 2);

  const model::TextModel& operator*() const { return *model_; }
  const model::TextModel* operator->() const { return model_.get(); }
  std::int64_t vocab() const { return model_->config().vocab_size; }

  std::unique_ptr<model::SequenceState> state(std::int64_t capacity) const;
  // forward() that must succeed; returns the logits.
  std::vector<float> run(std::span<const model::TokenId> tokens, model::SequenceState& state,
                         model::LogitsOf wanted = model::LogitsOf::kAllTokens) const;
  // All logits of tokens in a state of their own, in one call.
  std::vector<float> run(std::span<const model::TokenId> tokens) const;
  // Feeds tokens in pieces of the given sizes, the rest one by one; returns all logits.
  std::vector<float> run_in_pieces(std::span<const model::TokenId> tokens, std::span<const std::size_t> pieces,
                                   model::SequenceState& state) const;

 private:
  std::unique_ptr<ThreadPool> pool_;
  checkpoint::Checkpoint checkpoint_;
  std::unique_ptr<model::TextModel> model_;
};

std::filesystem::path tiny_folder();  // models/qwen36-tiny
std::filesystem::path odd_folder();   // tests/golden/model/odd

// The odd checkpoint with every `from` in its config.json replaced by `to`; there must be one.
class OddWithConfig {
 public:
  OddWithConfig(std::string_view from, std::string_view to);
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// The largest |a - b|; infinity where the sizes differ or a value is not finite.
float largest_difference(std::span<const float> a, std::span<const float> b);

// Checks logits [tokens, vocab] of PROMPT against the golden: whole rows where it has all, else whole rows, sampled
// columns and the statistics of every row.
void expect_golden_logits(const Golden& golden, const std::string& prompt, std::span<const float> logits,
                          std::int64_t vocab);

// Every prompt of up to `longest` tokens, each in one call.
void expect_all_prompts(const Golden& golden, const TestModel& model, std::size_t longest = 300);

// The 100 tokens of the greedy continuation NAME, wherever the golden's margin exceeds the bound. Follows the golden's
// tokens, so that one near tie does not end the comparison.
void expect_golden_greedy(const Golden& golden, const std::string& name, const TestModel& model);

}  // namespace nibble::testing
