// Rounding weights to NVFP4: how long a checkpoint takes to quantize beyond reading and writing it.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "quantize/rounding.h"

namespace nibble::quantize {
namespace {

constexpr std::size_t kCols = 2048;

std::vector<float> gaussian_row() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  std::vector<float> values(kCols);
  for (float& value : values) value = normal(random);
  return values;
}

void round_row(benchmark::State& state, const Nvfp4Options& options) {
  const std::vector<float> values = gaussian_row();
  const float global_scale = nvfp4_tensor_scale(0.1F, options);
  std::vector<std::byte> codes(kCols / 2);
  std::vector<std::byte> block_scales(kCols / 16);
  for (auto _ : state) {
    benchmark::DoNotOptimize(round_row_to_nvfp4(values, global_scale, options, codes.data(), block_scales.data()));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kCols));
}

void max_rule(benchmark::State& state) { round_row(state, {}); }
void mse_sweep(benchmark::State& state) {
  round_row(state, {.rule = ScaleRule::kMseSweep, .head_room = 256, .codes_below = 2, .codes_above = 6});
}
BENCHMARK(max_rule);
BENCHMARK(mse_sweep);

}  // namespace
}  // namespace nibble::quantize
