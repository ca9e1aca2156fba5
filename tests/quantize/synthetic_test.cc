// Synthetic checkpoints: the official file's names and shapes, bytes that depend on the seed alone, folders that run.
#include "quantize/synthetic.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_index.h"
#include "model/text_model.h"
#include "numerics/bf16.h"
#include "quantize/shipped_presets.h"
#include "quantize/synthetic_values.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

using checkpoint::PlannedTensor;
using checkpoint::TensorEntry;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::must;
using ::testing::Not;

constexpr const char* kPreset = "qwen3.6-35b-a3b";

std::map<std::string, std::string> described(const std::vector<PlannedTensor>& tensors) {
  std::map<std::string, std::string> shapes;
  for (const PlannedTensor& tensor : tensors) {
    shapes[tensor.name] = fmt::format("{} {}", dtype_name(tensor.dtype), tensor.shape.describe());
  }
  return shapes;
}

std::string small_config() { return testing::config_json({.text = testing::small_text_config()}); }

SyntheticPlan small_plan(const SyntheticOptions& options) { return must(plan_synthetic(small_config(), options)); }

void write_small(const std::filesystem::path& output, const SyntheticOptions& options, int threads = 2) {
  ThreadPool pool(threads);
  must(write_synthetic(small_plan(options), output, options, pool));
}

std::map<std::string, std::string> file_contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path().filename()] = testing::must_read(entry.path());
  }
  return files;
}

TEST(SyntheticPlan, NvidiaOfAllLayersIsTheOfficialFilesInventory) {
  const SyntheticPlan plan = must(plan_synthetic(must(preset_config(kPreset)), {.recipe = "nvidia"}));
  EXPECT_EQ(plan.tensors.size(), 124'468U);  // formats §2
  EXPECT_NEAR(static_cast<double>(plan.bytes), 23.408e9, 0.001e9);
  const testing::CheckpointSpec official{
      .text = testing::qwen36_text_config(), .format = testing::BuiltFormat::kMixedNvfp4, .vision_blocks = 27};
  EXPECT_EQ(described(plan.tensors), described(testing::plan_tensors(official)));
}

TEST(SyntheticPlan, PutsTensorsInTheOfficialOrder) {
  const SyntheticPlan plan = must(plan_synthetic(must(preset_config(kPreset)), {.recipe = "nvidia"}));
  const auto place = [&](std::string_view name) {
    return std::ranges::find(plan.tensors, name, &PlannedTensor::name) - plan.tensors.begin();
  };
  const std::string text = "model.language_model.";
  EXPECT_EQ(place("model.visual.blocks.0.attn.proj.bias"), 0);
  EXPECT_LT(place("model.visual.pos_embed.weight"), place(text + "embed_tokens.weight"));
  EXPECT_LT(place(text + "embed_tokens.weight"), place(text + "layers.2.input_layernorm.weight"));
  EXPECT_LT(place(text + "layers.2.input_layernorm.weight"), place(text + "layers.10.input_layernorm.weight"));
  EXPECT_LT(place(text + "layers.39.input_layernorm.weight"), place(text + "norm.weight"));
  EXPECT_LT(place(text + "norm.weight"), place("lm_head.weight"));
  EXPECT_LT(place("lm_head.input_scale"), place("mtp.fc.weight"));
  EXPECT_LT(place("mtp.fc.weight"), static_cast<std::ptrdiff_t>(plan.tensors.size()));
}

// Formats §2: layers 0-16 and the embedding in the first of three shards, 16-37 in the second, the rest in the third. A
// writer that is never finished has written the headers.
TEST(SyntheticPlan, FallsIntoTheOfficialShards) {
  const SyntheticPlan plan = must(plan_synthetic(must(preset_config(kPreset)), {.recipe = "nvidia"}));
  const testing::TemporaryFolder folder;
  const auto writer =
      must(checkpoint::SafetensorsWriter::create(folder.path(), plan.tensors, SyntheticOptions().max_shard_bytes));
  std::vector<std::string> headers;
  for (const auto& [name, header] : file_contents(folder.path())) headers.push_back(header);
  ASSERT_EQ(headers.size(), 3U);
  const auto layer = [](int number) { return fmt::format("\"model.language_model.layers.{}.", number); };
  EXPECT_THAT(headers[0], AllOf(HasSubstr("embed_tokens"), HasSubstr(layer(16)), Not(HasSubstr(layer(17)))));
  EXPECT_THAT(headers[1], AllOf(HasSubstr(layer(16)), HasSubstr(layer(37)), Not(HasSubstr(layer(38)))));
  EXPECT_THAT(headers[2], AllOf(HasSubstr(layer(37)), HasSubstr(layer(39)), HasSubstr("\"lm_head.weight\""),
                                HasSubstr("\"model.language_model.norm.weight\""), HasSubstr("\"mtp.fc.weight\"")));
}

TEST(SyntheticPlan, Bf16IsTheOriginalCheckpoint) {
  const SyntheticPlan plan = must(plan_synthetic(must(preset_config(kPreset)), {.recipe = "bf16"}));
  EXPECT_EQ(plan.tensors.size(), 1045U);
  EXPECT_EQ(plan.bytes, 71'903'645'408U);  // architecture §0
  EXPECT_TRUE(plan.hf_quant_config.empty());
  EXPECT_THAT(plan.config, Not(HasSubstr("quantization_config")));
}

TEST(SyntheticPlan, TakesFewerAndMoreLayersAndLeavesPartsOut) {
  const std::string_view preset = must(preset_config(kPreset));
  const auto tensors = [&](ConfigChanges changes) {
    return must(plan_synthetic(preset, {.recipe = "bf16", .changes = changes})).tensors.size();
  };
  // 18 tensors in a DeltaNet layer, 15 in one of full attention.
  EXPECT_EQ(tensors({.layers = 6}), 1045U - 25 * 18 - 9 * 15);
  EXPECT_EQ(tensors({.layers = 44}), 1045U + 3 * 18 + 15);
  EXPECT_EQ(tensors({.vision = false}), 1045U - 333U);
  EXPECT_EQ(tensors({.mtp = false}), 1045U - 19U);
  EXPECT_FALSE(plan_synthetic(preset, {.changes = {.layers = -1}}));
  EXPECT_FALSE(plan_synthetic(preset, {.changes = {.layers = std::int64_t{1} << 40}}));
}

TEST(SyntheticPlan, RefusesWhatItCannotMake) {
  EXPECT_FALSE(preset_config("gpt-2"));
  EXPECT_FALSE(plan_synthetic("{", {}));
  EXPECT_FALSE(plan_synthetic("[]", {}));
  EXPECT_FALSE(plan_synthetic("{}", {}));
  EXPECT_FALSE(plan_synthetic(small_config(), {.recipe = "int2"}));
  std::string many = small_config();
  const std::string key = "\"num_experts\": 6";
  many.replace(many.find(key), key.size(), "\"num_experts\": 65536");
  const auto refused = plan_synthetic(many, {.changes = {.layers = 4096}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("4096 layers of 65536 experts"));
}

TEST(SyntheticPlan, SharesScalesAsExportersDo) {
  const SyntheticPlan plan = small_plan({.recipe = "nvidia"});
  const auto scale = [&](std::string_view module, std::string_view kind) {
    return plan.scales.at(fmt::format("model.language_model.layers.{}.{}", module, kind));
  };
  EXPECT_EQ(scale("0.mlp.experts.2.gate_proj", "weight_scale_2"), scale("0.mlp.experts.2.up_proj", "weight_scale_2"));
  EXPECT_NE(scale("0.mlp.experts.2.gate_proj", "weight_scale_2"), scale("0.mlp.experts.3.gate_proj", "weight_scale_2"));
  EXPECT_NE(scale("3.self_attn.q_proj", "weight_scale"), scale("3.self_attn.k_proj", "weight_scale"));
  EXPECT_EQ(scale("3.self_attn.q_proj", "input_scale"), scale("3.self_attn.v_proj", "input_scale"));
  EXPECT_NE(scale("3.self_attn.q_proj", "input_scale"), scale("3.self_attn.o_proj", "input_scale"));
  EXPECT_EQ(scale("1.mlp.experts.0.up_proj", "input_scale"), scale("1.mlp.experts.5.gate_proj", "input_scale"));
  EXPECT_NE(scale("1.mlp.experts.0.up_proj", "input_scale"), scale("1.mlp.experts.0.down_proj", "input_scale"));
  for (const auto& [name, value] : plan.scales) EXPECT_TRUE(value > 1e-6F && value < 0.1F) << name << " " << value;
}

TEST(WriteSynthetic, DependsOnTheSeedAloneNotOnThreads) {
  const testing::TemporaryFolder folder;
  SyntheticOptions options{.recipe = "nvidia", .max_shard_bytes = 100'000};
  write_small(folder / "one", options, 1);
  write_small(folder / "four", options, 4);
  const auto one = file_contents(folder / "one");
  EXPECT_GT(one.size(), 4U);  // several shards
  EXPECT_EQ(one, file_contents(folder / "four"));
  options.seed = 1;
  write_small(folder / "other", options, 1);
  EXPECT_NE(one, file_contents(folder / "other"));
}

TEST(SyntheticValues, AnyPartOfATensorHasTheBytesOfTheWhole) {
  const SyntheticValues values(7);
  for (const checkpoint::DType dtype : {checkpoint::DType::kBF16, checkpoint::DType::kU8, checkpoint::DType::kF8E4M3}) {
    const PlannedTensor tensor{"a.weight", dtype, {9, 31}};
    std::vector<std::byte> whole(must(checkpoint::planned_bytes(tensor)));
    values.fill(tensor, 0, whole);
    for (std::size_t offset = 0; offset < whole.size(); offset += 8) {
      std::vector<std::byte> part(std::min<std::size_t>(whole.size() - offset, 22));
      values.fill(tensor, offset, part);
      EXPECT_TRUE(std::ranges::equal(part, std::span(whole).subspan(offset, part.size()))) << offset;
    }
  }
}

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const numerics::MatrixView& matrix) {
  double sum = 0, squares = 0;
  std::vector<float> row(static_cast<std::size_t>(matrix.cols));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    numerics::decode_row(matrix, r, row.data());
    for (const float value : row) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
  }
  const double count = static_cast<double>(matrix.rows * matrix.cols);
  return {sum / count, std::sqrt(squares / count)};
}

// All three formats stand for normal weights of the same spread, up to the tenth by which tensors differ.
TEST(WriteSynthetic, WeightsHaveTheFamilysSpreadInEveryFormat) {
  const testing::TemporaryFolder folder;
  write_small(folder / "nvidia", {.recipe = "nvidia"});
  const auto checkpoint = must(checkpoint::Checkpoint::open(folder / "nvidia"));
  const std::string prefix = "model.language_model.";
  const auto expect_spread = [&](const std::string& module, std::int64_t rows, std::int64_t cols, double tolerance) {
    const auto matrix = must(checkpoint.linear(module, rows, cols));
    const Spread spread = spread_of(matrix);
    EXPECT_NEAR(spread.mean, 0, 0.001) << module;
    EXPECT_NEAR(spread.deviation, kWeightSpread, tolerance * kWeightSpread) << module;
  };
  const auto text = testing::small_text_config();
  expect_spread(prefix + "embed_tokens", text.vocab_size, text.hidden_size, 0.03);
  expect_spread(prefix + "layers.3.self_attn.q_proj", 2 * text.heads * text.head_dim, text.hidden_size, 0.13);
  expect_spread("lm_head", text.vocab_size, text.hidden_size, 0.16);
}

// Opens as a ModelOpt checkpoint and computes: finite logits of a spread that a softmax can work with.
TEST(WriteSynthetic, FoldersOpenAndRun) {
  for (const char* recipe : {"bf16", "nvidia", "nvfp4-max"}) {
    const testing::TemporaryFolder folder;
    write_small(folder / "out", {.recipe = recipe, .changes = {.layers = 8}});
    const auto checkpoint = must(checkpoint::Checkpoint::open(folder / "out"));
    EXPECT_EQ(checkpoint.quantization().quantized(), std::string_view(recipe) != "bf16");
    ThreadPool pool(2);
    const auto model = must(model::load_text_model(checkpoint, pool));
    const auto state = must(model->new_state(8));
    std::vector<float> logits;
    must(model->forward(std::vector<model::TokenId>{3, 1, 4, 1, 5}, *state, model::LogitsOf::kLastToken, logits));
    double squares = 0;
    for (const float logit : logits) squares += static_cast<double>(logit) * logit;
    const double spread = std::sqrt(squares / static_cast<double>(logits.size()));
    EXPECT_TRUE(spread > 0.05 && spread < 5) << recipe << " " << spread;
  }
}

TEST(WriteSynthetic, RefusesADiskThatIsTooSmallAndAFolderThatExists) {
  const testing::TemporaryFolder folder;
  const SyntheticOptions options{.recipe = "bf16", .changes = {.layers = 4000}};
  const SyntheticPlan huge = must(plan_synthetic(must(preset_config(kPreset)), options));
  ThreadPool pool(1);
  const Status refused = write_synthetic(huge, folder / "out", options, pool);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kEnvironment);
  EXPECT_THAT(refused.error().describe(), AllOf(HasSubstr("takes 6.73 TB"), HasSubstr(" free")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));

  write_small(folder / "out", {.recipe = "bf16"});
  EXPECT_FALSE(write_synthetic(small_plan({.recipe = "bf16"}), folder / "out", options, pool));
}

TEST(WriteSynthetic, CopiesATokenizerWhereOneIsNamed) {
  const testing::TemporaryFolder folder;
  const auto tokenizer = testing::source_path("models/qwen36-tiny/tokenizer.json");
  write_small(folder / "with", {.recipe = "bf16", .tokenizer = tokenizer});
  EXPECT_EQ(testing::must_read(folder / "with" / "tokenizer.json"), testing::must_read(tokenizer));
  write_small(folder / "without", {.recipe = "bf16"});
  EXPECT_FALSE(std::filesystem::exists(folder / "without" / "tokenizer.json"));
}

}  // namespace
}  // namespace nibble::quantize
