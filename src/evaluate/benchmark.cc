#include "evaluate/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <span>

#include "base/interrupt.h"
#include "base/progress.h"
#include "evaluate/model_work.h"
#include "evaluate/statistics.h"
#include "kernels/dispatch.h"
#include "model/text_model.h"

namespace nibble::evaluate {
namespace {

using checkpoint::Checkpoint;
using model::LogitsOf;
using model::SequenceState;
using model::TextModel;
using model::TokenId;

constexpr int kMaxThreads = 4096;
constexpr int kMaxRepetitions = 10'000;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 40;  // the model's own limit is far below

Status check(const BenchmarkOptions& options) {
  const auto outside = [](const auto& values, std::int64_t low, std::int64_t high) {
    return values.empty() || std::ranges::any_of(values, [&](auto value) { return value < low || value > high; });
  };
  if (outside(options.threads, 1, kMaxThreads)) {
    return invalid_input(fmt::format("expected thread counts from 1 to {}", kMaxThreads));
  }
  if (outside(options.depths, 0, kMaxTokens) || outside(options.prompts, 0, kMaxTokens) ||
      outside(options.generated, 0, kMaxTokens)) {
    return invalid_input("expected token counts of 0 or more");
  }
  if (options.repetitions < 1 || options.repetitions > kMaxRepetitions) {
    return invalid_input(fmt::format("expected 1 to {} repetitions, found {}", kMaxRepetitions, options.repetitions));
  }
  return {};
}

// Where the largest shard's tensors lie in memory.
std::span<const std::byte> largest_shard(const checkpoint::TensorStore& store) {
  struct Range {
    const std::byte* begin = nullptr;
    const std::byte* end = nullptr;
  };
  std::vector<Range> shards(store.shard_count());
  for (const checkpoint::TensorEntry& entry : store.entries()) {
    const auto bytes = store.bytes(entry);
    Range& range = shards[entry.shard];
    range.begin = range.begin == nullptr ? bytes.data() : std::min(range.begin, bytes.data());
    range.end = std::max(range.end, bytes.data() + bytes.size());
  }
  const Range largest =
      *std::ranges::max_element(shards, {}, [](const Range& range) { return range.end - range.begin; });
  return {largest.begin, largest.end};
}

Result<MachineLimits> measure_limits(const Checkpoint& checkpoint, const BenchmarkOptions& options, ThreadPool& pool) {
  const std::size_t bytes = options.bandwidth_bytes;
  ASSIGN_OR_RETURN(const auto pages, kernels::HugePages::allocate(bytes, pool));
  const auto shard = largest_shard(checkpoint.tensors());
  return MachineLimits{
      .threads = pool.size(),
      .huge_pages = kernels::measure_read_bandwidth(pages.bytes(), pool),
      .mapped_pages = kernels::measure_read_bandwidth(shard.first(std::min(bytes, shard.size())), pool),
      .peaks = kernels::measure_matrix_peaks(pool, options.peak_seconds)};
}

// Whether every kind of layer that the model has is among the first `layers`.
bool has_every_kind(const checkpoint::TextConfig& config, std::int64_t layers) {
  const auto slice = std::span(config.layer_types).first(static_cast<std::size_t>(layers));
  return std::ranges::all_of(config.layer_types,
                             [&](checkpoint::LayerType type) { return std::ranges::find(slice, type) != slice.end(); });
}

// The instruction set that the table has chosen for projections.
std::string chosen_isa() {
  for (const kernels::KernelRow& row : kernels::kernel_table()) {
    if (row.chosen && row.operation == "linear") return std::string(row.isa);
  }
  return {};
}

// The fastest peak of the chosen instruction set ("avx512" has two), or of the machine where the choice names none.
const kernels::MatrixPeak& peak_for(std::string_view isa, const std::vector<kernels::MatrixPeak>& peaks) {
  const kernels::MatrixPeak* best = nullptr;
  for (const bool of_isa : {true, false}) {
    for (const kernels::MatrixPeak& peak : peaks) {
      if (of_isa && (peak.isa == "portable" || !peak.isa.starts_with(isa))) continue;
      if (best == nullptr || peak.flops_per_second > best->flops_per_second) best = &peak;
    }
    if (best != nullptr) break;
  }
  return *best;
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// All tests of one model on one pool.
class Runner {
 public:
  Runner(const TextModel& model, const BenchmarkOptions& options, Progress& progress)
      : model_(model), options_(options), progress_(progress) {}

  // Fills rates and profile of the row.
  Status run(const SequenceState& start, BenchmarkRow& row);
  // A sequence that has seen `depth` tokens and can take `more`.
  Result<std::unique_ptr<SequenceState>> at_depth(std::int64_t depth, std::int64_t more);

 private:
  std::vector<TokenId> random_tokens(std::int64_t count);
  // Seconds of one repetition.
  Result<double> repeat(const SequenceState& start, BenchmarkTest test, std::int64_t tokens);

  const TextModel& model_;
  const BenchmarkOptions& options_;
  Progress& progress_;
  std::mt19937_64 random_{1};  // the same tokens in every run of the program
  std::vector<float> logits_;
};

std::vector<TokenId> Runner::random_tokens(std::int64_t count) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  const auto vocab = static_cast<std::uint64_t>(model_.config().vocab_size);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random_() % vocab);
  return tokens;
}

Result<std::unique_ptr<SequenceState>> Runner::at_depth(std::int64_t depth, std::int64_t more) {
  ASSIGN_OR_RETURN(auto state, model_.new_state(depth + more));
  if (depth > 0) RETURN_IF_ERROR(model_.forward(random_tokens(depth), *state, LogitsOf::kNone, logits_));
  return state;
}

Result<double> Runner::repeat(const SequenceState& start, BenchmarkTest test, std::int64_t tokens) {
  ASSIGN_OR_RETURN(const auto state, start.copy());
  const std::vector<TokenId> ids = random_tokens(tokens);
  const std::size_t step = test == BenchmarkTest::kPrefill ? ids.size() : 1;
  const Stopwatch watch;
  for (std::size_t begin = 0; begin < ids.size(); begin += step) {
    RETURN_IF_ERROR(model_.forward(std::span(ids).subspan(begin, step), *state, LogitsOf::kLastToken, logits_));
  }
  return watch.seconds();
}

Status Runner::run(const SequenceState& start, BenchmarkRow& row) {
  const std::int64_t warm_up = row.test == BenchmarkTest::kPrefill ? row.tokens : 1;
  RETURN_IF_ERROR(repeat(start, row.test, warm_up));
  for (int repetition = 0; repetition < options_.repetitions; ++repetition) {
    ASSIGN_OR_RETURN(const double seconds, repeat(start, row.test, row.tokens));
    row.rates.push_back(static_cast<double>(row.tokens) / seconds);
    progress_.advance(1);
  }
  if (!options_.profile) return {};
  kernels::start_profile();
  const Result<double> seconds = repeat(start, row.test, row.tokens);
  row.profile = kernels::stop_profile();
  RETURN_IF_ERROR(seconds);
  row.profiled_seconds = *seconds;
  return {};
}

// Bytes or FLOPs of one token of the row, on average.
double work_of_token(const ModelWork& work, const BenchmarkRow& row) {
  const auto tokens = static_cast<double>(row.tokens);
  if (row.test == BenchmarkTest::kPrefill) return work.prefill_flops(row.depth, row.tokens) / tokens;
  return work.decode_bytes(row.depth + row.tokens / 2);
}

class Benchmark {
 public:
  Benchmark(const Checkpoint& checkpoint, const BenchmarkOptions& options)
      : checkpoint_(checkpoint),
        options_(options),
        progress_("measuring",
                  options.threads.size() * options.depths.size() * (options.prompts.size() + options.generated.size()) *
                      static_cast<std::size_t>(std::max(options.repetitions, 0)),
                  "repetitions") {}

  Result<BenchmarkReport> run() {
    RETURN_IF_ERROR(check(options_));
    describe_model();
    RETURN_IF_ERROR(measure_machine());
    for (const int threads : options_.threads) RETURN_IF_ERROR(run_on(threads));
    return std::move(report_);
  }

 private:
  void describe_model();
  Status measure_machine();
  Status run_on(int threads);
  Status run_at(std::int64_t depth, const TextModel& model, int threads);
  Status add_row(Runner& runner, const SequenceState& start, BenchmarkRow row);
  void set_limit(BenchmarkRow& row) const;

  const Checkpoint& checkpoint_;
  const BenchmarkOptions& options_;
  Progress progress_;
  BenchmarkReport report_;
  std::optional<ModelWork> work_;        // of what is bound
  std::optional<ModelWork> whole_work_;  // of all layers, where the model is a slice
};

void Benchmark::describe_model() {
  const auto& config = checkpoint_.config();
  const std::string& algo = checkpoint_.quantization().top_algo();
  report_.model = fmt::format("{} {}", config.model_type, algo.empty() ? config.dtype : algo);
  report_.layers_of_model = config.text.layers;
  report_.isa = chosen_isa();
}

Status Benchmark::measure_machine() {
  std::set<int> counts(options_.threads.begin(), options_.threads.end());
  counts.insert({1, available_processors()});
  for (const int threads : counts) {
    ThreadPool pool(threads);
    ASSIGN_OR_RETURN(auto limits, measure_limits(checkpoint_, options_, pool));
    report_.limits.push_back(std::move(limits));
    RETURN_IF_ERROR(check_interrupt());
  }
  return {};
}

Status Benchmark::run_on(int threads) {
  ThreadPool pool(threads);
  ASSIGN_OR_RETURN(const auto model, model::load_text_model(checkpoint_, pool, {.layers = options_.layers}));
  report_.layers = model->config().layers;
  ASSIGN_OR_RETURN(const StateBytes state, measure_state_bytes(*model));
  work_.emplace(checkpoint_, report_.layers, state);
  if (report_.layers < report_.layers_of_model && has_every_kind(checkpoint_.config().text, report_.layers)) {
    whole_work_.emplace(checkpoint_, report_.layers_of_model, state);
  }
  report_.weight_bytes = work_->weight_bytes();
  report_.parameters = work_->parameters();
  for (const std::int64_t depth : options_.depths) RETURN_IF_ERROR(run_at(depth, *model, threads));
  return {};
}

Status Benchmark::run_at(std::int64_t depth, const TextModel& model, int threads) {
  Runner runner(model, options_, progress_);
  const std::int64_t longest = std::max(std::ranges::max(options_.prompts), std::ranges::max(options_.generated));
  if (longest == 0) return {};
  ASSIGN_OR_RETURN(const auto start, runner.at_depth(depth, longest));
  for (const std::int64_t tokens : options_.prompts) {
    RETURN_IF_ERROR(add_row(runner, *start, {BenchmarkTest::kPrefill, threads, tokens, depth}));
  }
  for (const std::int64_t tokens : options_.generated) {
    RETURN_IF_ERROR(add_row(runner, *start, {BenchmarkTest::kDecode, threads, tokens, depth}));
  }
  return {};
}

Status Benchmark::add_row(Runner& runner, const SequenceState& start, BenchmarkRow row) {
  if (row.tokens == 0) return {};
  RETURN_IF_ERROR_IN(row.name(), runner.run(start, row));
  row.work_of_token = work_of_token(*work_, row);
  if (whole_work_) row.whole_model_rate = row.achieved() / work_of_token(*whole_work_, row);
  set_limit(row);
  report_.rows.push_back(std::move(row));
  return {};
}

void Benchmark::set_limit(BenchmarkRow& row) const {
  const MachineLimits& limits = *std::ranges::find(report_.limits, row.threads, &MachineLimits::threads);
  if (row.test == BenchmarkTest::kDecode) {
    row.limit = limits.mapped_pages;  // where the weights lie
    row.limit_name = "mapped pages";
    return;
  }
  const kernels::MatrixPeak& peak = peak_for(report_.isa, limits.peaks);
  row.limit = peak.flops_per_second;
  row.limit_name = peak.isa;
}

}  // namespace

std::string BenchmarkRow::name() const {
  const std::string test_name = fmt::format("{}{}", test == BenchmarkTest::kPrefill ? "pp" : "tg", tokens);
  return depth == 0 ? test_name : fmt::format("{} @ d{}", test_name, depth);
}

double BenchmarkRow::median() const {
  std::vector<double> sorted = rates;
  std::ranges::sort(sorted);
  return percentile(sorted, 0.5);
}

double BenchmarkRow::spread() const {
  const auto [smallest, largest] = std::ranges::minmax(rates);
  return (largest - smallest) / median();
}

Result<BenchmarkReport> run_benchmark(const Checkpoint& checkpoint, const BenchmarkOptions& options) {
  return Benchmark(checkpoint, options).run();
}

}  // namespace nibble::evaluate
