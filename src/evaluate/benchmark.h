// How fast a model runs on this machine, and how near that is to what the machine can do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "kernels/machine_limits.h"
#include "kernels/profiler.h"

namespace nibble::evaluate {

struct BenchmarkOptions {
  // One row a combination. Prompt and generated tokens of 0 leave their test out.
  std::vector<int> threads = {};               // each at least 1
  std::vector<std::int64_t> depths = {0};      // tokens that the sequence has seen before
  std::vector<std::int64_t> prompts = {512};   // tokens of one prefill
  std::vector<std::int64_t> generated = {64};  // tokens decoded one by one
  int repetitions = 5;
  std::int64_t layers = 0;  // only the first so many; 0: all
  bool profile = false;     // one more repetition of each test, timed operation by operation
  // What the machine's limits are measured with. Bandwidth reads far more than caches hold.
  std::size_t bandwidth_bytes = std::size_t{512} << 20;
  double peak_seconds = 0.02;
};

// What `threads` threads of this machine can do together.
struct MachineLimits {
  int threads = 0;
  double huge_pages = 0;    // bytes a second read from anonymous memory
  double mapped_pages = 0;  // bytes a second read from the model's own file in the page cache
  std::vector<kernels::MatrixPeak> peaks;
};

enum class BenchmarkTest : std::uint8_t { kPrefill, kDecode };

struct BenchmarkRow {
  BenchmarkTest test = BenchmarkTest::kPrefill;
  int threads = 0;
  std::int64_t tokens = 0;
  std::int64_t depth = 0;
  std::vector<double> rates = {};  // tokens a second, one a repetition

  double work_of_token = 0;     // prefill: FLOPs; decode: bytes (ModelWork)
  double limit = 0;             // of the machine, in the same unit a second
  std::string limit_name = {};  // "avx512_bf16", "mapped pages"
  std::optional<double> whole_model_rate =
      {};  // of a slice: tokens a second of all layers at the same share, an estimate

  double profiled_seconds = 0;
  std::vector<kernels::ProfileRow> profile = {};

  std::string name() const;  // "pp512", "tg64 @ d4096"
  double median() const;     // of rates
  double spread() const;     // (largest - smallest) / median
  double achieved() const { return median() * work_of_token; }
  double share() const { return achieved() / limit; }
};

struct BenchmarkReport {
  std::string model;  // "qwen3_5_moe MIXED_PRECISION"
  std::int64_t layers = 0;
  std::int64_t layers_of_model = 0;
  double weight_bytes = 0;  // of what is bound
  double parameters = 0;
  std::string isa;                         // of the projections
  std::vector<MachineLimits> limits = {};  // of one thread, of all, and of every count that a row has
  std::vector<BenchmarkRow> rows = {};
};

// Random token ids, no tokenizer. Each repetition continues a copy of the same state; one before the first is not
// counted. Errors: options out of range, a context too long for model or memory, interruption.
Result<BenchmarkReport> run_benchmark(const checkpoint::Checkpoint& checkpoint, const BenchmarkOptions& options);

}  // namespace nibble::evaluate
