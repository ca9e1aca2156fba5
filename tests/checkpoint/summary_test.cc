#include "checkpoint/summary.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::config_json;
using ::nibble::testing::must;
using ::nibble::testing::TemporaryFolder;
using ::nibble::testing::write_checkpoint;
using ::nibble::testing::write_sparse_checkpoint;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const ClassSummary& of(const Summary& summary, TensorClass wanted) {
  return *std::ranges::find(summary.classes, wanted, &ClassSummary::tensor_class);
}

TEST(TensorClass, NamesOfEveryLayout) {
  EXPECT_EQ(tensor_class_of("model.language_model.layers.3.mlp.experts.7.up_proj.weight_scale"),
            TensorClass::kRoutedExperts);
  EXPECT_EQ(tensor_class_of("model.layers.3.mlp.experts.gate_up_proj"), TensorClass::kRoutedExperts);
  EXPECT_EQ(tensor_class_of("model.layers.3.mlp.shared_expert.up_proj.weight"), TensorClass::kSharedExperts);
  EXPECT_EQ(tensor_class_of("model.layers.3.mlp.shared_expert_gate.weight"), TensorClass::kRoutersAndGates);
  EXPECT_EQ(tensor_class_of("model.layers.3.self_attn.q_norm.weight"), TensorClass::kNorms);
  EXPECT_EQ(tensor_class_of("model.layers.3.self_attn.k_proj.k_scale"), TensorClass::kAttention);
  EXPECT_EQ(tensor_class_of("model.layers.3.linear_attn.A_log"), TensorClass::kRoutersAndGates);
  EXPECT_EQ(tensor_class_of("model.language_model.norm.weight"), TensorClass::kNorms);
  EXPECT_EQ(tensor_class_of("mtp.layers.0.mlp.experts.gate_up_proj"), TensorClass::kMtp);
  EXPECT_EQ(tensor_class_of("model.visual.merger.norm.weight"), TensorClass::kVision);
  EXPECT_EQ(tensor_class_of("model.layers."), TensorClass::kOther);
  EXPECT_EQ(tensor_class_of("model.layers.3.novel"), TensorClass::kOther);
  EXPECT_EQ(tensor_class_of(""), TensorClass::kOther);
}

TEST(Summary, OfTheOfficialLayoutFitsAPage) {
  TemporaryFolder folder;
  write_sparse_checkpoint(
      folder.path(),
      {.text = testing::qwen36_text_config(), .format = testing::BuiltFormat::kMixedNvfp4, .vision_blocks = 27}, 3);
  Summary summary = summarize(must(Checkpoint::open(folder.path())));
  EXPECT_EQ(summary.total.tensors, 124'468U);
  const ClassSummary& experts = of(summary, TensorClass::kRoutedExperts);
  EXPECT_EQ(experts.tensors, 40U * 256 * 3 * 4);
  EXPECT_EQ(experts.parameters, std::uint64_t{40} * 256 * 3 * 512 * 2048);
  EXPECT_THAT(experts.parameters_by_format, ElementsAre(Pair("nvfp4", experts.parameters)));
  EXPECT_NEAR(experts.bits_per_weight(), 4.5, 0.001);
  EXPECT_EQ(of(summary, TensorClass::kVision).tensors, 333U);
  EXPECT_EQ(of(summary, TensorClass::kMtp).tensors, 19U);
  EXPECT_EQ(of(summary, TensorClass::kAttention).tensors, 40U * 3);
  EXPECT_NEAR(of(summary, TensorClass::kAttention).bits_per_weight(), 8.0, 0.001);
  EXPECT_THAT(summary.classes,
              ::testing::Not(Contains(::testing::Field(&ClassSummary::tensor_class, TensorClass::kOther))));
  EXPECT_EQ(summary.quantization, "MIXED_PRECISION");
  EXPECT_EQ(summary.producer, "modelopt 0.44.0");

  std::string text = to_text(summary);
  EXPECT_LE(std::ranges::count(text, '\n'), 40);
  EXPECT_THAT(text, AllOf(HasSubstr("40: 30 DeltaNet, 10 attention; 1 MTP"), HasSubstr("124468 tensors"),
                          HasSubstr("MIXED_PRECISION by modelopt 0.44.0, KV cache FP8"),
                          HasSubstr("note: declares an FP8 KV cache without scales: scale 1.0"),
                          HasSubstr("note: NVFP4 layers carry an input_scale")));
}

TEST(Summary, OfTheShippedModelAndItsJson) {
  Summary summary = summarize(must(Checkpoint::open(testing::source_path("models/qwen36-tiny"))));
  EXPECT_EQ(summary.total.tensors, 160U);
  EXPECT_EQ(summary.total.bytes, 24'380'224U);
  EXPECT_EQ(summary.total.parameters, 12'190'112U);
  EXPECT_EQ(summary.total.bits_per_weight(), 16.0);
  EXPECT_TRUE(summary.notes.empty());
  EXPECT_THAT(to_text(summary),
              AllOf(HasSubstr("12.2 M"), HasSubstr("quantization  none"), HasSubstr("vision        none")));

  JsonWriter writer(2);
  write_json(summary, writer);
  std::string text = std::move(writer).take();
  auto document = must(JsonDocument::parse(text));
  JsonView root = document.root();
  EXPECT_EQ(root.find("architecture").as_string(), "Qwen3_5MoeForConditionalGeneration");
  EXPECT_EQ(root.find("total").find("parameters").as_integer(), 12'190'112);
  EXPECT_EQ(root.find("classes").size(), summary.classes.size());
  EXPECT_EQ(root.find("classes").element(0).find("parameters_by_format").key(0), "bf16");
  EXPECT_EQ(root.find("full_attention_layers").as_integer(), 2);
}

TEST(Summary, NotesSayWhatTheFilesLack) {
  TemporaryFolder folder;
  testing::CheckpointSpec spec{.text = testing::small_text_config()};
  spec.text.mtp_layers = 0;
  spec.text.tie_word_embeddings = true;
  write_checkpoint(folder.path(), spec);
  spec.text.mtp_layers = 1;
  spec.text.rope.yarn_factor = 4;
  spec.text.rope.yarn_original_context = 128;
  spec.vision_blocks = 3;
  must(write_file(folder / "config.json", config_json(spec)));
  Summary summary = summarize(must(Checkpoint::open(folder.path())));
  EXPECT_THAT(summary.notes, ElementsAre(HasSubstr("has 1 MTP layer, the files have none"), HasSubstr("vision tower"),
                                         HasSubstr("YaRN stretches the context of 128 by 4"), HasSubstr("tied")));
}

}  // namespace
}  // namespace nibble::checkpoint
