#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>

#include <cstring>

#include "base/file.h"
#include "checkpoint/scales.h"
#include "numerics/bf16.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::numerics::MatrixView;
using ::nibble::numerics::WeightFormat;
using ::nibble::testing::BuiltFormat;
using ::nibble::testing::CheckpointSpec;
using ::nibble::testing::config_json;
using ::nibble::testing::must;
using ::nibble::testing::small_text_config;
using ::nibble::testing::TemporaryFolder;
using ::nibble::testing::write_checkpoint;
using ::nibble::testing::write_sparse_checkpoint;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::byte* data_of(const Checkpoint& checkpoint, std::string_view name) {
  return checkpoint.tensors().bytes(*checkpoint.tensors().find(name)).data();
}

float float_of(const Checkpoint& checkpoint, std::string_view name) {
  float value;
  std::memcpy(&value, data_of(checkpoint, name), sizeof value);
  return value;
}

TEST(Checkpoint, BindsPlainLinearsInPlace) {
  TemporaryFolder folder;
  write_checkpoint(folder.path(), {.text = small_text_config()});
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  EXPECT_EQ(checkpoint.text_prefix(), "model.language_model.");
  EXPECT_FALSE(checkpoint.quantization().quantized());
  MatrixView head = must(checkpoint.linear("lm_head", 80, 64));
  EXPECT_EQ(head.format, WeightFormat::kBf16);
  EXPECT_EQ(head.rows, 80);
  EXPECT_EQ(head.cols, 64);
  EXPECT_EQ(head.data, data_of(checkpoint, "lm_head.weight"));
  EXPECT_EQ(head.block_scales, nullptr);
  EXPECT_EQ(head.input_scale, 0.0F);
}

TEST(Checkpoint, BindsNvfp4AndFp8WithAndWithoutInputScales) {
  for (bool input_scales : {true, false}) {
    TemporaryFolder folder;
    write_checkpoint(folder.path(), {.text = small_text_config(),
                                     .format = BuiltFormat::kMixedNvfp4,
                                     .input_scales = input_scales,
                                     .max_shard_bytes = 20'000});
    Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
    EXPECT_GT(checkpoint.tensors().shard_count(), 2U);
    MatrixView head = must(checkpoint.linear("lm_head", 80, 64));
    EXPECT_EQ(head.format, WeightFormat::kNvfp4);
    EXPECT_EQ(head.data, data_of(checkpoint, "lm_head.weight"));
    EXPECT_EQ(head.block_scales, data_of(checkpoint, "lm_head.weight_scale"));
    EXPECT_EQ(head.global_scale, float_of(checkpoint, "lm_head.weight_scale_2"));
    EXPECT_EQ(head.input_scale, input_scales ? float_of(checkpoint, "lm_head.input_scale") : 0.0F);

    const std::string module = "model.language_model.layers.3.self_attn.k_proj";
    MatrixView key = must(checkpoint.linear(module, 48, 64));
    EXPECT_EQ(key.format, WeightFormat::kFp8);
    EXPECT_EQ(key.data, data_of(checkpoint, module + ".weight"));
    EXPECT_EQ(key.block_scales, nullptr);
    EXPECT_EQ(key.global_scale, float_of(checkpoint, module + ".weight_scale"));
    EXPECT_EQ(key.input_scale, input_scales ? float_of(checkpoint, module + ".input_scale") : 0.0F);
  }
}

// gate and up of one expert may have different scales: nibble never fuses them.
TEST(Checkpoint, ExpertsFromOneLinearEach) {
  TemporaryFolder folder;
  write_checkpoint(folder.path(), {.text = small_text_config(), .format = BuiltFormat::kMixedNvfp4});
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  const std::string module = "model.language_model.layers.2.mlp.experts";
  auto expert = must(checkpoint.expert(module, 5, 32, 64));
  EXPECT_EQ(expert.gate.data, data_of(checkpoint, module + ".5.gate_proj.weight"));
  EXPECT_EQ(expert.up.data, data_of(checkpoint, module + ".5.up_proj.weight"));
  EXPECT_EQ(expert.down.data, data_of(checkpoint, module + ".5.down_proj.weight"));
  EXPECT_EQ(expert.down.rows, 64);
  EXPECT_EQ(expert.down.cols, 32);
  EXPECT_NE(expert.gate.global_scale, expert.up.global_scale);
}

TEST(Checkpoint, ExpertsFromFusedTensors) {
  TemporaryFolder folder;
  write_checkpoint(folder.path(), {.text = small_text_config(), .format = BuiltFormat::kMixedNvfp4});
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  // Quantized experts in the trunk, fused BF16 ones in the MTP layer of the same file.
  auto expert = must(checkpoint.expert("mtp.layers.0.mlp.experts", 4, 32, 64));
  const std::byte* gate_up = data_of(checkpoint, "mtp.layers.0.mlp.experts.gate_up_proj");
  const std::byte* down = data_of(checkpoint, "mtp.layers.0.mlp.experts.down_proj");
  EXPECT_EQ(expert.gate.format, WeightFormat::kBf16);
  EXPECT_EQ(expert.gate.data, gate_up + std::ptrdiff_t{4} * 64 * 64 * 2);
  EXPECT_EQ(expert.up.data, expert.gate.data + std::ptrdiff_t{32} * 64 * 2);
  EXPECT_EQ(expert.down.data, down + std::ptrdiff_t{4} * 64 * 32 * 2);
  EXPECT_EQ(expert.up.rows, 32);
  EXPECT_EQ(expert.down.rows, 64);
}

TEST(Checkpoint, UnfusedBf16ExpertsOfTheMtpLayer) {
  TemporaryFolder folder;
  write_checkpoint(folder.path(), {.text = small_text_config(), .format = BuiltFormat::kBf16PerExpert});
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  EXPECT_EQ(must(checkpoint.expert("mtp.layers.0.mlp.experts", 0, 32, 64)).up.data,
            data_of(checkpoint, "mtp.layers.0.mlp.experts.0.up_proj.weight"));
}

// A uniform algorithm cannot say which modules are linear layers; listed ones must be what is said.
TEST(Checkpoint, UniformDeclarationsLeavePlainModulesAlone) {
  TemporaryFolder folder;
  CheckpointSpec spec{.text = small_text_config(), .format = BuiltFormat::kMixedNvfp4};
  write_checkpoint(folder.path(), spec);
  must(write_file(folder / "config.json", config_json({.text = spec.text})));
  must(write_file(
      folder / "hf_quant_config.json",
      R"({"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["model.layers.0.mlp.shared_expert*"]}})"));
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  EXPECT_TRUE(checkpoint.linear("lm_head", 80, 64));
  EXPECT_TRUE(checkpoint.linear("model.language_model.layers.0.mlp.gate", 6, 64));
  EXPECT_THAT(checkpoint.linear("model.language_model.layers.3.self_attn.k_proj", 48, 64).error().describe(),
              HasSubstr("the tensors are fp8, but hf_quant_config.json or config.json declares it NVFP4"));
  EXPECT_THAT(
      checkpoint.linear("model.language_model.layers.0.mlp.shared_expert.up_proj", 48, 64).error().describe(),
      AllOf(HasSubstr("module \"model.language_model.layers.0.mlp.shared_expert.up_proj\""),
            HasSubstr("the tensors are nvfp4, but hf_quant_config.json or config.json declares it unquantized")));
}

TEST(Checkpoint, TextOnlyExportsHaveAShorterPrefix) {
  TemporaryFolder folder;
  CheckpointSpec spec{.text = small_text_config()};
  must(write_file(folder / "config.json", config_json(spec)));
  auto plan = plan_tensors(spec);
  for (auto& tensor : plan) {
    if (tensor.name.starts_with("model.language_model.")) tensor.name.replace(0, 21, "model.");
  }
  auto writer = must(SafetensorsWriter::create(folder.path(), plan));
  for (const auto& tensor : plan) must(writer.write(tensor.name, std::vector<std::byte>(must(planned_bytes(tensor)))));
  must(writer.finish());
  EXPECT_EQ(must(Checkpoint::open(folder.path())).text_prefix(), "model.");
}

TEST(Checkpoint, FloatsOfEveryDtype) {
  TemporaryFolder folder;
  CheckpointSpec spec{.text = small_text_config()};
  must(write_file(folder / "config.json", config_json(spec)));
  auto writer = must(SafetensorsWriter::create(folder.path(), {{"bf16", DType::kBF16, {2, 1}},
                                                               {"f16", DType::kF16, {2}},
                                                               {"f32", DType::kF32, {2}},
                                                               {"u8", DType::kU8, {2}},
                                                               {"infinite", DType::kF16, {2}},
                                                               {"model.embed_tokens.weight", DType::kU8, {0}}}));
  auto write = [&](std::string_view name, auto first, decltype(first) second) {
    decltype(first) values[] = {first, second};
    must(writer.write(name, std::as_bytes(std::span(values))));
  };
  write("bf16", std::uint16_t{0x3F80}, std::uint16_t{0xC049});
  write("f16", std::uint16_t{0x3C00}, std::uint16_t{0x0001});
  write("f32", 1.5F, -0.1F);
  write("u8", std::uint8_t{1}, std::uint8_t{2});
  write("infinite", std::uint16_t{0x3C00}, std::uint16_t{0x7C00});
  must(writer.finish());
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  EXPECT_EQ(must(checkpoint.floats("bf16", {2, 1})), (std::vector<float>{1.0F, -3.140625F}));
  EXPECT_EQ(must(checkpoint.floats("f16", {2})), (std::vector<float>{1.0F, 0x1p-24F}));
  EXPECT_EQ(must(checkpoint.floats("f32", {2})), (std::vector<float>{1.5F, -0.1F}));
  EXPECT_THAT(checkpoint.floats("u8", {2}).error().describe(),
              HasSubstr("expected BF16 or F16 or F32 [2], found U8 [2]"));
  EXPECT_THAT(checkpoint.floats("f32", {1, 2}).error().describe(), HasSubstr("[1, 2], found F32 [2]"));
  EXPECT_THAT(checkpoint.floats("infinite", {2}).error().describe(),
              HasSubstr("model.safetensors: tensor \"infinite\": element 1 is inf; expected finite numbers"));
}

// Every byte at every position of a vectorised chunk and of the tail.
TEST(Scales, FindsEveryBadBlockScale) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::vector<std::byte> scales(4096 + 9, std::byte{0x38});
    for (std::size_t at : {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{4095}, std::size_t{4104}}) {
      scales[at] = static_cast<std::byte>(byte);
      auto expected = byte >= 0x7F ? std::optional(at) : std::nullopt;
      EXPECT_EQ(find_bad_block_scale(scales), expected) << byte << " at " << at;
      scales[at] = std::byte{0x38};
    }
  }
  EXPECT_EQ(find_bad_block_scale({}), std::nullopt);
}

// formats §2's count, and its time: generous here, because tests also run beside others and under sanitizers; the
// benchmark measures it.
TEST(Checkpoint, OpensTheOfficial124468Names) {
  TemporaryFolder folder;
  write_sparse_checkpoint(
      folder.path(), {.text = testing::qwen36_text_config(), .format = BuiltFormat::kMixedNvfp4, .vision_blocks = 27},
      3);
  Checkpoint checkpoint = must(Checkpoint::open(folder.path()));
  EXPECT_EQ(checkpoint.tensors().entries().size(), 124'468U);
  EXPECT_EQ(checkpoint.tensors().shard_count(), 3U);
  EXPECT_NEAR(static_cast<double>(checkpoint.tensors().total_bytes()), 23.408e9, 0.0005e9);
  // Holes read as zeros: the shapes are right, the scale is not.
  EXPECT_THAT(checkpoint.expert("model.language_model.layers.39.mlp.experts", 255, 512, 2048).error().describe(),
              AllOf(HasSubstr("experts.255.gate_proj.weight_scale_2\""), HasSubstr("above 0, found 0")));
}

// The original's identity (architecture §0): 1,045 tensors of 71,903,645,408 bytes.
TEST(Checkpoint, TheBuilderKnowsTheOriginalsNamesAndShapes) {
  CheckpointSpec spec{.text = testing::qwen36_text_config(), .vision_blocks = 27};
  std::uint64_t bytes = 0;
  auto plan = plan_tensors(spec);
  for (const auto& tensor : plan) bytes += must(planned_bytes(tensor));
  EXPECT_EQ(plan.size(), 1045U);
  EXPECT_EQ(bytes, 71'903'645'408U);
}

}  // namespace
}  // namespace nibble::checkpoint
