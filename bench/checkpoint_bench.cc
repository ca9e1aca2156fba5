// Opening a folder with the official checkpoint's 124,468 tensors (real headers, data that are holes).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/scales.h"
#include "checkpoint/summary.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;

const std::filesystem::path& official_like_folder() {
  static const testing::TemporaryFolder folder;
  static const bool written = [] {
    testing::write_sparse_checkpoint(
        folder.path(),
        {.text = testing::qwen36_text_config(), .format = testing::BuiltFormat::kMixedNvfp4, .vision_blocks = 27}, 3);
    return true;
  }();
  benchmark::DoNotOptimize(written);
  return folder.path();
}

void OpenOfficialNames(benchmark::State& state) {
  const auto& folder = official_like_folder();
  for (auto _ : state) {
    auto checkpoint = must(Checkpoint::open(folder));
    benchmark::DoNotOptimize(checkpoint.tensors().entries().size());
  }
}
BENCHMARK(OpenOfficialNames)->Unit(benchmark::kMillisecond)->UseRealTime();

void ParseLargestHeader(benchmark::State& state) {
  MappedFile file = must(MappedFile::open(official_like_folder() / "model-00002-of-00003.safetensors"));
  for (auto _ : state) {
    auto header = must(parse_safetensors_header(file.bytes(), file.bytes().size()));
    benchmark::DoNotOptimize(header.tensors.size());
  }
}
BENCHMARK(ParseLargestHeader)->Unit(benchmark::kMillisecond);

void ParseIndexAsJson(benchmark::State& state) {
  std::string text = testing::must_read(official_like_folder() / "model.safetensors.index.json");
  for (auto _ : state) benchmark::DoNotOptimize(must(JsonDocument::parse(text)).root().size());
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(ParseIndexAsJson)->Unit(benchmark::kMillisecond);

void SummarizeOfficialNames(benchmark::State& state) {
  auto checkpoint = must(Checkpoint::open(official_like_folder()));
  for (auto _ : state) benchmark::DoNotOptimize(to_text(summarize(checkpoint)).size());
}
BENCHMARK(SummarizeOfficialNames)->Unit(benchmark::kMillisecond);

// As many modules as the official file has linear layers, against the exclusions of a uniform export.
void LookUpDeclarations(benchmark::State& state) {
  std::string hf = R"({"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["lm_head")";
  for (int layer = 0; layer < 40; ++layer) {
    for (std::string_view module : {"linear_attn*", "mlp.gate", "mlp.shared_expert_gate", "self_attn*"}) {
      hf += fmt::format(", \"model.language_model.layers.{}.{}\"", layer, module);
    }
  }
  auto config = must(QuantizationConfig::parse("{}", hf + "]}}"));
  std::vector<std::string> modules;
  for (int i = 0; i < 31'000; ++i) {
    modules.push_back(fmt::format("model.language_model.layers.{}.mlp.experts.{}.up_proj", i % 40, i % 256));
  }
  for (auto _ : state) {
    for (const std::string& module : modules) benchmark::DoNotOptimize(config.algo_of(module));
  }
}
BENCHMARK(LookUpDeclarations)->Unit(benchmark::kMillisecond);

void ScanBlockScales(benchmark::State& state) {
  std::vector<std::byte> scales(std::size_t{1} << 24, std::byte{0x38});
  for (auto _ : state) benchmark::DoNotOptimize(find_bad_block_scale(scales));
  state.SetBytesProcessed(static_cast<std::int64_t>(scales.size()) * state.iterations());
}
BENCHMARK(ScanBlockScales)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nibble::checkpoint
