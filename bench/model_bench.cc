// Tokens a second of models/qwen36-tiny: a prompt of 512 tokens, and single tokens after 128. The argument is the
// number of threads.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "model/text_model.h"
#include "support/test_files.h"

namespace {

using nibble::model::LogitsOf;
using nibble::model::TokenId;
using nibble::testing::must;

class TinyModel {
 public:
  explicit TinyModel(benchmark::State& run)
      : pool_(static_cast<int>(run.range(0))),
        checkpoint_(must(nibble::checkpoint::Checkpoint::open(nibble::testing::source_path("models/qwen36-tiny")))),
        model_(must(nibble::model::load_text_model(checkpoint_, pool_))),
        state_(must(model_->new_state(1024))) {}

  nibble::model::SequenceState& state() { return *state_; }
  void forward(const std::vector<TokenId>& tokens) {
    must(model_->forward(tokens, *state_, LogitsOf::kLastToken, logits_));
  }

 private:
  nibble::ThreadPool pool_;
  nibble::checkpoint::Checkpoint checkpoint_;
  std::unique_ptr<nibble::model::TextModel> model_;
  std::unique_ptr<nibble::model::SequenceState> state_;
  std::vector<float> logits_;
};

// Spread over the vocabulary of 4,096, so that all experts are used.
std::vector<TokenId> some_tokens(TokenId count) {
  std::vector<TokenId> tokens;
  for (TokenId i = 0; i < count; ++i) tokens.push_back(i * 7919 % 4000);
  return tokens;
}

void prefill(benchmark::State& run) {
  TinyModel model(run);
  const auto prompt = some_tokens(512);
  for (auto _ : run) {
    model.state().reset();
    model.forward(prompt);
  }
  run.SetItemsProcessed(run.iterations() * 512);
}
BENCHMARK(prefill)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

void decode(benchmark::State& run) {
  TinyModel model(run);
  const auto prompt = some_tokens(128);
  for (auto _ : run) {
    if (model.state().length() == 0 || model.state().length() == model.state().capacity()) {
      run.PauseTiming();
      model.state().reset();
      model.forward(prompt);
      run.ResumeTiming();
    }
    model.forward({prompt[0]});
  }
  run.SetItemsProcessed(run.iterations());
}
BENCHMARK(decode)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
