// The benchmark's numbers against numbers known otherwise, and its reports against what readers of them rely on.
#include "evaluate/benchmark.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/json.h"
#include "evaluate/benchmark_report.h"
#include "evaluate/model_work.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::evaluate {
namespace {

using checkpoint::Checkpoint;
using ::testing::HasSubstr;
using testing::must;

Checkpoint small_checkpoint(const testing::TemporaryFolder& folder) {
  testing::write_checkpoint(folder.path(),
                            {.text = testing::small_text_config(), .format = testing::BuiltFormat::kMixedNvfp4});
  return must(Checkpoint::open(folder.path()));
}

BenchmarkOptions quick_options() {
  return {.threads = {2},
          .prompts = {7},
          .generated = {5},
          .repetitions = 3,
          .bandwidth_bytes = std::size_t{1} << 20,
          .peak_seconds = 1e-4};
}

// Architecture §9: 2,254.6 MB of weights a token, 125.8 MB of recurrent state in and out, 20,480 bytes of BF16 keys and
// values a token of context, 2.946 G active parameters.
TEST(ModelWork, OfTheOfficialModelIsWhatTheArchitectureComputes) {
  const testing::TemporaryFolder folder;
  testing::write_sparse_checkpoint(
      folder.path(),
      {.text = testing::qwen36_text_config(), .format = testing::BuiltFormat::kMixedNvfp4, .vision_blocks = 27}, 3);
  const auto checkpoint = must(Checkpoint::open(folder.path()));
  const ModelWork stateless(checkpoint, 40, {});
  EXPECT_NEAR(stateless.decode_bytes(0), 2'254.6e6, 0.2e6);
  EXPECT_NEAR(stateless.parameters(), 34'660'610'688.0, 1.0);

  const ModelWork work(checkpoint, 40, {.per_token_and_full_layer = 2048, .per_linear_layer = 2 << 20});
  EXPECT_NEAR(work.decode_bytes(0) - stateless.decode_bytes(0), 125.8e6, 0.1e6);
  EXPECT_NEAR(work.decode_bytes(1000) - work.decode_bytes(0), 1000 * 20'480.0, 1.0);

  // One token: all active parameters, 3.2 M multiply-adds of delta rule and convolution in each of 30 layers, and
  // nothing else to attend to than itself.
  const double delta_rule = 30 * (3.0 * 32 * 128 * 128 + 8192 * 4);
  EXPECT_NEAR(work.prefill_flops(0, 1), 2 * (2.946e9 + delta_rule), 0.002 * 6e9);
  // Attention grows with the square: 10 layers of 16 heads of 256.
  const double linear_part = 1000 * (work.prefill_flops(0, 1) - 2 * 248'320.0 * 2048) + 2 * 248'320.0 * 2048;
  EXPECT_NEAR(work.prefill_flops(0, 1000) - linear_part, 4.0 * 16 * 256 * 10 * (1000 * 1001 / 2.0 - 1000), 1e6);
}

TEST(ModelWork, OfASliceLeavesLayersOut) {
  const testing::TemporaryFolder folder;
  const auto checkpoint = small_checkpoint(folder);
  const ModelWork one(checkpoint, 1, {}), two(checkpoint, 2, {}), three(checkpoint, 3, {});
  EXPECT_NEAR(two.decode_bytes(0) - one.decode_bytes(0), three.decode_bytes(0) - two.decode_bytes(0), 1e-6);
  EXPECT_GT(two.decode_bytes(0), one.decode_bytes(0));
  EXPECT_GT(two.prefill_flops(0, 4), one.prefill_flops(0, 4));
  EXPECT_GT(two.weight_bytes(), one.weight_bytes());
}

TEST(ModelWork, KnowsWhatTheStateHolds) {
  const testing::TemporaryFolder folder;
  const auto checkpoint = small_checkpoint(folder);
  ThreadPool pool(1);
  const auto model = must(model::load_text_model(checkpoint, pool));
  const StateBytes state = must(measure_state_bytes(*model));
  const double whole = 3 * state.per_linear_layer + 10 * state.per_token_and_full_layer;  // one full layer of four
  EXPECT_EQ(whole, static_cast<double>(must(model->new_state(10))->bytes()));
}

TEST(Benchmark, MeasuresEveryCombination) {
  const testing::TemporaryFolder folder;
  const auto checkpoint = small_checkpoint(folder);
  BenchmarkOptions options = quick_options();
  options.threads = {1, 2};
  options.depths = {0, 9};
  options.prompts = {3, 0};
  const BenchmarkReport report = must(run_benchmark(checkpoint, options));
  std::vector<std::string> names;
  for (const BenchmarkRow& row : report.rows) {
    names.push_back(fmt::format("{}: {}", row.threads, row.name()));
    EXPECT_EQ(row.rates.size(), 3U);
    EXPECT_GT(row.median(), 0);
    EXPECT_GE(row.spread(), 0);
    EXPECT_GT(row.share(), 0);
    EXPECT_LE(row.share(), 1.2);
    EXPECT_FALSE(row.whole_model_rate) << "all layers were measured";
    EXPECT_TRUE(row.profile.empty());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("1: pp3", "1: tg5", "1: pp3 @ d9", "1: tg5 @ d9", "2: pp3", "2: tg5",
                                            "2: pp3 @ d9", "2: tg5 @ d9"));
  for (const int threads : {1, 2}) {
    const auto limits = std::ranges::find(report.limits, threads, &MachineLimits::threads);
    ASSERT_NE(limits, report.limits.end());
    EXPECT_GT(limits->huge_pages, 0);
    EXPECT_GT(limits->mapped_pages, 0);
  }
}

TEST(Benchmark, EstimatesTheWholeModelFromASliceThatHasAllKindsOfLayers) {
  const testing::TemporaryFolder folder;
  testing::CheckpointSpec spec{.text = testing::small_text_config(), .format = testing::BuiltFormat::kMixedNvfp4};
  spec.text.layers = 8;
  spec.text.layer_types.insert(spec.text.layer_types.end(), spec.text.layer_types.begin(), spec.text.layer_types.end());
  testing::write_checkpoint(folder.path(), spec);
  const auto checkpoint = must(Checkpoint::open(folder.path()));
  BenchmarkOptions options = quick_options();
  options.layers = 4;
  const BenchmarkReport slice = must(run_benchmark(checkpoint, options));
  EXPECT_EQ(slice.layers, 4);
  EXPECT_EQ(slice.layers_of_model, 8);
  for (const BenchmarkRow& row : slice.rows) {
    ASSERT_TRUE(row.whole_model_rate);
    EXPECT_LT(*row.whole_model_rate, row.median());
    EXPECT_GT(*row.whole_model_rate, row.median() / 2);  // embedding and head do not double
  }
  EXPECT_THAT(to_markdown(slice), HasSubstr("8 layers, ESTIMATE"));

  options.layers = 2;  // no full attention: says nothing about the rest
  const BenchmarkReport linear_only = must(run_benchmark(checkpoint, options));
  for (const BenchmarkRow& row : linear_only.rows) EXPECT_FALSE(row.whole_model_rate);
}

TEST(Benchmark, ProfilesByOperation) {
  const testing::TemporaryFolder folder;
  const auto checkpoint = small_checkpoint(folder);
  BenchmarkOptions options = quick_options();
  options.profile = true;
  const BenchmarkReport report = must(run_benchmark(checkpoint, options));
  ASSERT_EQ(report.rows.size(), 2U);
  for (const BenchmarkRow& row : report.rows) {
    double seconds = 0;
    for (const auto& operation : row.profile) seconds += operation.seconds;
    EXPECT_GT(seconds, 0);
    EXPECT_LE(seconds, row.profiled_seconds);
    const auto norm = std::ranges::find(row.profile, "moe_experts", &kernels::ProfileRow::operation);
    ASSERT_NE(norm, row.profile.end());
    const std::uint64_t passes = row.test == BenchmarkTest::kPrefill ? 1 : 5;
    EXPECT_EQ(norm->calls, 4 * passes);
  }
  EXPECT_THAT(to_markdown(report), HasSubstr("| linear fp8 |"));
}

TEST(Benchmark, RefusesOptionsThatMakeNoSense) {
  const testing::TemporaryFolder folder;
  const auto checkpoint = small_checkpoint(folder);
  const auto refusal = [&](const std::function<void(BenchmarkOptions&)>& change) {
    BenchmarkOptions options = quick_options();
    change(options);
    const auto report = run_benchmark(checkpoint, options);
    return report ? std::string("none") : report.error().describe();
  };
  EXPECT_THAT(refusal([](auto& options) { options.threads = {0}; }), HasSubstr("thread counts from 1"));
  EXPECT_THAT(refusal([](auto& options) { options.threads.clear(); }), HasSubstr("thread counts from 1"));
  EXPECT_THAT(refusal([](auto& options) { options.repetitions = 0; }), HasSubstr("repetitions, found 0"));
  EXPECT_THAT(refusal([](auto& options) { options.prompts = {-1}; }), HasSubstr("token counts of 0 or more"));
  EXPECT_THAT(refusal([](auto& options) { options.layers = 5; }), HasSubstr("the model has 4"));
  EXPECT_THAT(refusal([](auto& options) { options.depths = {600}; }), HasSubstr("allows 1 to 512"));
}

TEST(BenchmarkRow, SaysMedianSpreadAndShare) {
  const BenchmarkRow row{
      .test = BenchmarkTest::kDecode, .tokens = 64, .depth = 512, .rates = {4, 1, 2}, .work_of_token = 10, .limit = 40};
  EXPECT_EQ(row.name(), "tg64 @ d512");
  EXPECT_DOUBLE_EQ(row.median(), 2);
  EXPECT_DOUBLE_EQ(row.spread(), 1.5);
  EXPECT_DOUBLE_EQ(row.achieved(), 20);
  EXPECT_DOUBLE_EQ(row.share(), 0.5);
}

BenchmarkReport made_up_report() {
  BenchmarkReport report{.model = "a \"model\", mixed",
                         .layers = 8,
                         .layers_of_model = 40,
                         .weight_bytes = 4.2e9,
                         .parameters = 7e9,
                         .isa = "portable"};
  report.limits.push_back({2, 30e9, 25e9, {{"portable", "float32", 2e10}, {"amx_bf16", "bfloat16", 0}}});
  report.rows.push_back({.test = BenchmarkTest::kPrefill,
                         .threads = 2,
                         .tokens = 512,
                         .rates = {10, 12, 11},
                         .work_of_token = 1e9,
                         .limit = 2e10,
                         .limit_name = "portable",
                         .whole_model_rate = 2.5});
  report.rows.push_back({.test = BenchmarkTest::kDecode,
                         .threads = 2,
                         .tokens = 64,
                         .depth = 4096,
                         .rates = {20},
                         .work_of_token = 1e9,
                         .limit = 25e9,
                         .limit_name = "mapped pages",
                         .profiled_seconds = 2,
                         .profile = {{"linear fp8", 640, 1.5}}});
  return report;
}

TEST(BenchmarkReport, JsonHasEveryNumber) {
  const JsonDocument document = must(JsonDocument::parse(to_json(made_up_report())));
  const JsonView root = document.root();
  EXPECT_EQ(root.find("model").as_string(), "a \"model\", mixed");
  EXPECT_EQ(root.find("machine").element(0).find("read_huge_pages_bytes_per_second").as_double(), 30e9);
  EXPECT_EQ(root.find("machine").element(0).find("peaks").size(), 2U);
  const JsonView prefill = root.find("rows").element(0), decode = root.find("rows").element(1);
  EXPECT_EQ(prefill.find("test").as_string(), "pp512");
  EXPECT_EQ(prefill.find("tokens_per_second").as_double(), 11.0);
  EXPECT_EQ(prefill.find("repetitions").size(), 3U);
  EXPECT_EQ(prefill.find("flops_per_second").as_double(), 11e9);
  EXPECT_NEAR(prefill.find("share_of_limit").as_double().value(), 0.55, 1e-12);
  EXPECT_EQ(prefill.find("estimated_tokens_per_second_of_all_layers").as_double(), 2.5);
  EXPECT_FALSE(prefill.find("profile").exists());
  EXPECT_EQ(decode.find("depth").as_integer(), 4096);
  EXPECT_EQ(decode.find("bytes_per_token").as_double(), 1e9);
  EXPECT_EQ(decode.find("profile").find("operations").element(0).find("calls").as_integer(), 640);
  EXPECT_NEAR(decode.find("profile").find("outside_operations").as_double().value(), 0.5, 1e-12);
}

TEST(BenchmarkReport, MarkdownIsTablesOfEqualColumns) {
  const std::string text = to_markdown(made_up_report());
  EXPECT_THAT(text, HasSubstr("| read, huge pages | 2 | 30 GB/s |"));
  EXPECT_THAT(text, Not(HasSubstr("amx_bf16")));  // a machine without
  EXPECT_THAT(text, HasSubstr("| pp512 | 11.00 | 18.2 % | 11 GFLOP/s | 55.0 % of portable | 2.50 |"));
  EXPECT_THAT(text, HasSubstr("| tg64 @ d4096 | 20.00 | 0.0 % | 20 GB/s | 80.0 % of mapped pages |"));
  EXPECT_THAT(text, HasSubstr("| linear fp8 | 640 | 23.4375 | 75.0 % |"));
  EXPECT_THAT(text, HasSubstr("| outside operations |  | 7.8125 | 25.0 % |"));
  std::istringstream lines(text);
  std::ptrdiff_t columns = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('|')) {
      columns = 0;
      continue;
    }
    const auto bars = std::ranges::count(line, '|');
    EXPECT_TRUE(columns == 0 || bars == columns) << line;
    columns = bars;
  }
}

TEST(BenchmarkReport, CsvHasAsManyFieldsAsItsHeader) {
  std::istringstream lines(to_csv(made_up_report()));
  std::string header, row;
  std::getline(lines, header);
  std::getline(lines, row);
  EXPECT_THAT(row, ::testing::StartsWith("\"a \"\"model\"\", mixed\",8,40,"));
  // The quoted name has one comma more.
  EXPECT_EQ(std::ranges::count(row, ','), std::ranges::count(header, ',') + 1);
  EXPECT_THAT(row, ::testing::EndsWith(",2.5"));
}

}  // namespace
}  // namespace nibble::evaluate
