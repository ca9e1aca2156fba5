// Encoding, decoding and opening. bench/tokenizer_peer.py times Hugging Face `tokenizers` on the same texts.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "support/test_files.h"
#include "text/tokenizer.h"

namespace nibble::text {
namespace {

using ::nibble::testing::golden_path;
using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::must_read_lines;
using ::nibble::testing::shared_path;
using ::nibble::testing::source_path;

constexpr std::size_t kTextBytes = 10'000'000;

// English prose, documentation, code and conversations, over and over.
std::string english_text() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(shared_path("data").value_or(source_path("data")))) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::string once;
  for (const auto& file : files) once += must_read(file);
  std::string text;
  while (text.size() < kTextBytes) text += once;
  return text;
}

// Strings of every script in the order of a small generator: few words repeat.
std::string mixed_text() {
  std::vector<std::string> strings;
  for (const std::string& line : must_read_lines(golden_path("text/tokenizer_strings.jsonl"))) {
    strings.emplace_back(*must(JsonDocument::parse(line)).root().element(0).as_string());
  }
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < kTextBytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text += strings[(state >> 33) % strings.size()];
  }
  return text;
}

const std::string& text_named(std::string_view name) {
  static const std::string english = english_text();
  static const std::string mixed = mixed_text();
  return name == "english" ? english : mixed;
}

std::optional<std::filesystem::path> folder_of(std::string_view vocabulary) {
  return vocabulary == "tiny" ? source_path("models/qwen36-tiny") : shared_path("qwen36");
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void encode(benchmark::State& state, std::string_view vocabulary, std::string_view text_name) {
  auto folder = folder_of(vocabulary);
  if (!folder) return state.SkipWithError("needs ../shared/qwen36");
  Tokenizer tokenizer = must(Tokenizer::read(*folder));
  const std::string& text = text_named(text_name);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(text));
  count_bytes(state, text.size());
}
BENCHMARK_CAPTURE(encode, tiny_english, "tiny", "english")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, tiny_mixed, "tiny", "mixed")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, real_english, "real", "english")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, real_mixed, "real", "mixed")->Unit(benchmark::kMillisecond);

void decode(benchmark::State& state, std::string_view vocabulary, std::string_view text_name) {
  auto folder = folder_of(vocabulary);
  if (!folder) return state.SkipWithError("needs ../shared/qwen36");
  Tokenizer tokenizer = must(Tokenizer::read(*folder));
  std::vector<TokenId> ids = must(tokenizer.encode(text_named(text_name)));
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.decode(ids));
  count_bytes(state, text_named(text_name).size());
}
BENCHMARK_CAPTURE(decode, tiny_english, "tiny", "english")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, real_mixed, "real", "mixed")->Unit(benchmark::kMillisecond);

void open(benchmark::State& state, std::string_view vocabulary) {
  auto folder = folder_of(vocabulary);
  if (!folder) return state.SkipWithError("needs ../shared/qwen36");
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::read(*folder));
}
BENCHMARK_CAPTURE(open, tiny, "tiny")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open, real, "real")->Unit(benchmark::kMillisecond);

// One word of N letters: time in proportion, from a short one to one of a million.
void encode_word(benchmark::State& state) {
  Tokenizer tokenizer = must(Tokenizer::read(source_path("models/qwen36-tiny")));
  std::string word;
  std::uint64_t random = 1;
  while (word.size() < static_cast<std::size_t>(state.range(0))) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    word += static_cast<char>('a' + (random >> 33) % 26);
  }
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer.encode(word));
  count_bytes(state, word.size());
}
BENCHMARK(encode_word)->Arg(4)->Arg(16)->Arg(64)->Arg(1 << 20);

}  // namespace
}  // namespace nibble::text
