// Throughput of the heavy operations in shapes of the small model (hidden 256) and of Qwen3.6-35B-A3B (hidden 2048).
// NIBBLE_ISA chooses the implementation; NIBBLE_BENCH_THREADS the number of threads (default: all processors).
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/ops/causal_attention.h"
#include "kernels/ops/gated_delta_rule.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/moe.h"
#include "numerics/matrix_view.h"

namespace nibble::kernels {
namespace {

using numerics::MatrixView;
using numerics::WeightFormat;

ThreadPool& pool() {
  const char* threads = std::getenv("NIBBLE_BENCH_THREADS");
  static ThreadPool shared(threads != nullptr ? std::atoi(threads) : available_processors());
  return shared;
}

std::vector<float> filled(std::int64_t count, float value = 0.01F) {
  return std::vector<float>(static_cast<std::size_t>(count), value);
}

// Every byte 0x3C: an ordinary number in every format.
class Weight {
 public:
  Weight(WeightFormat format, std::int64_t rows, std::int64_t cols)
      : bytes_(static_cast<std::size_t>(rows * cols * 4), std::byte{0x3C}) {
    view_ = {.format = format, .rows = rows, .cols = cols, .data = bytes_.data(), .block_scales = bytes_.data()};
    view_.global_scale = 0.01F;
  }
  const MatrixView& view() const { return view_; }

 private:
  std::vector<std::byte> bytes_;
  MatrixView view_;
};

void count_tokens(benchmark::State& state, std::int64_t tokens, std::int64_t multiply_adds_a_token) {
  const auto runs = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * tokens);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * runs * static_cast<double>(tokens * multiply_adds_a_token),
                                                 benchmark::Counter::kIsRate);
}

void linear_bench(benchmark::State& state) {
  const auto format = static_cast<WeightFormat>(state.range(0));
  const std::int64_t tokens = state.range(1), rows = state.range(2), cols = state.range(3);
  const Weight weight(format, rows, cols);
  const std::vector<float> input = filled(tokens * cols);
  std::vector<float> output = filled(tokens * rows);
  for (auto _ : state) {
    linear({weight.view(), input.data(), output.data(), tokens}, pool());
    benchmark::DoNotOptimize(output.data());
  }
  state.SetLabel(numerics::weight_format_name(format));
  count_tokens(state, tokens, rows * cols);
}
BENCHMARK(linear_bench)
    ->Name("linear")
    ->ArgNames({"format", "tokens", "rows", "cols"})
    ->ArgsProduct({benchmark::CreateDenseRange(0, 4, 1), {1, 512}, {512}, {256}})
    ->ArgsProduct({benchmark::CreateDenseRange(0, 4, 1), {1, 512}, {4096}, {2048}})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void moe_experts_bench(benchmark::State& state) {
  const std::int64_t tokens = state.range(0), experts = state.range(1), top_k = state.range(2);
  const std::int64_t hidden = state.range(3), width = state.range(4);
  const Weight gate(WeightFormat::kNvfp4, width, hidden), down(WeightFormat::kNvfp4, hidden, width);
  const std::vector<ExpertWeights> weights(static_cast<std::size_t>(experts), {gate.view(), gate.view(), down.view()});
  std::vector<std::int32_t> ids;
  for (std::int64_t slot = 0; slot < tokens * top_k; ++slot) {  // distinct within a token, spread over all experts
    ids.push_back(static_cast<std::int32_t>((slot * 7 + slot / top_k) % experts));
  }
  const std::vector<float> input = filled(tokens * hidden), shares = filled(tokens * top_k, 0.1F);
  std::vector<float> output = filled(tokens * hidden);
  for (auto _ : state) {
    moe_experts({.experts = weights,
                 .input = input.data(),
                 .expert_ids = ids.data(),
                 .weights = shares.data(),
                 .activations = nullptr,
                 .output = output.data(),
                 .tokens = tokens,
                 .top_k = top_k,
                 .hidden = hidden,
                 .expert_width = width},
                pool());
    benchmark::DoNotOptimize(output.data());
  }
  count_tokens(state, tokens, top_k * 3 * hidden * width);
}
BENCHMARK(moe_experts_bench)
    ->Name("moe_experts/nvfp4")
    ->ArgNames({"tokens", "experts", "top_k", "hidden", "width"})
    ->Args({1, 16, 4, 256, 64})
    ->Args({512, 16, 4, 256, 64})
    ->Args({1, 256, 8, 2048, 512})
    ->Args({128, 256, 8, 2048, 512})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void gated_delta_rule_bench(benchmark::State& state) {
  const std::int64_t tokens = state.range(0), key_heads = state.range(1), value_heads = state.range(2);
  const std::int64_t dim = state.range(3);
  const std::vector<float> keys = filled(tokens * key_heads * dim, 1.0F / std::sqrt(static_cast<float>(dim)));
  const std::vector<float> values = filled(tokens * value_heads * dim);
  const std::vector<float> decay = filled(tokens * value_heads, -0.1F), beta = filled(tokens * value_heads, 0.5F);
  std::vector<float> memory = filled(value_heads * dim * dim), output = filled(tokens * value_heads * dim);
  for (auto _ : state) {
    gated_delta_rule({.queries = keys.data(),
                      .keys = keys.data(),
                      .values = values.data(),
                      .query_stride = key_heads * dim,
                      .key_stride = key_heads * dim,
                      .value_stride = value_heads * dim,
                      .decay = decay.data(),
                      .beta = beta.data(),
                      .state_inout = memory.data(),
                      .output = output.data(),
                      .tokens = tokens,
                      .key_heads = key_heads,
                      .value_heads = value_heads,
                      .key_dim = dim,
                      .value_dim = dim},
                     pool());
    benchmark::DoNotOptimize(output.data());
  }
  count_tokens(state, tokens, value_heads * 3 * dim * dim);  // of the recurrent form
}
BENCHMARK(gated_delta_rule_bench)
    ->Name("gated_delta_rule")
    ->ArgNames({"tokens", "key_heads", "value_heads", "dim"})
    ->Args({1, 4, 8, 32})
    ->Args({512, 4, 8, 32})
    ->Args({1, 16, 32, 128})
    ->Args({512, 16, 32, 128})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void causal_attention_bench(benchmark::State& state) {
  const std::int64_t tokens = state.range(0), before = state.range(1), heads = state.range(2), kv_heads = 2;
  const std::int64_t head_dim = state.range(3);
  const std::vector<float> queries = filled(tokens * heads * head_dim);
  const std::vector<float> cache = filled((before + tokens) * kv_heads * head_dim);
  std::vector<float> output = filled(tokens * heads * head_dim);
  for (auto _ : state) {
    causal_attention({.queries = queries.data(),
                      .keys = cache.data(),
                      .values = cache.data(),
                      .output = output.data(),
                      .tokens = tokens,
                      .first_position = before,
                      .heads = heads,
                      .kv_heads = kv_heads,
                      .head_dim = head_dim,
                      .scale = 0.1F},
                     pool());
    benchmark::DoNotOptimize(output.data());
  }
  count_tokens(state, tokens, heads * 2 * head_dim * (before + (tokens + 1) / 2));
}
BENCHMARK(causal_attention_bench)
    ->Name("causal_attention")
    ->ArgNames({"tokens", "before", "heads", "head_dim"})
    ->Args({1, 1024, 4, 64})
    ->Args({512, 0, 4, 64})
    ->Args({1, 8192, 16, 256})
    ->Args({512, 1024, 16, 256})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nibble::kernels
