// The inventory against numbers published about the official BF16 checkpoint, and against a real folder.
#include "checkpoint/tensor_inventory.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using testing::must;

std::uint64_t total_bytes(const std::vector<PlannedTensor>& tensors) {
  std::uint64_t total = 0;
  for (const PlannedTensor& tensor : tensors) total += must(planned_bytes(tensor));
  return total;
}

std::map<std::string, std::string> shapes_by_name(const std::vector<PlannedTensor>& tensors) {
  std::map<std::string, std::string> shapes;
  for (const PlannedTensor& tensor : tensors) {
    shapes[tensor.name] = fmt::format("{} {}", dtype_name(tensor.dtype), tensor.shape.describe());
  }
  return shapes;
}

ModelConfig official_config() {
  ModelConfig config;
  config.architecture = "Qwen3_5MoeForConditionalGeneration";
  config.text = testing::qwen36_text_config();
  config.vision = VisionConfig{.depth = 27, .hidden_size = 1152, .out_hidden_size = 2048};
  return config;
}

// Architecture §0: the count, and the `total_size` of the official index, to the byte.
TEST(TensorInventory, HasTheOfficialCheckpointsTensorsToTheByte) {
  const auto tensors = tensor_inventory(official_config());
  EXPECT_EQ(tensors.size(), 1045U);
  EXPECT_EQ(total_bytes(tensors), 71'903'645'408U);
}

TEST(TensorInventory, HasWhatARealFolderHas) {
  const auto checkpoint = must(Checkpoint::open(testing::source_path("models/qwen36-tiny")));
  std::map<std::string, std::string> found;
  for (const TensorEntry& entry : checkpoint.tensors().entries()) {
    found[std::string(entry.name)] = fmt::format("{} {}", dtype_name(entry.dtype), entry.shape.describe());
  }
  EXPECT_EQ(shapes_by_name(tensor_inventory(checkpoint.config())), found);
}

TEST(TensorInventory, LeavesOutWhatTheConfigurationLacks) {
  ModelConfig config = official_config();
  config.vision.reset();
  EXPECT_EQ(tensor_inventory(config).size(), 1045U - 333U);
  config.text.mtp_layers = 0;
  EXPECT_EQ(tensor_inventory(config).size(), 1045U - 333U - 19U);
  config.text.tie_word_embeddings = true;
  EXPECT_EQ(tensor_inventory(config).size(), 1045U - 333U - 19U - 1U);
}

TEST(TensorInventory, DropsTheWrapperOfATextOnlyExport) {
  ModelConfig config = official_config();
  config.architecture = "Qwen3_5MoeForCausalLM";
  EXPECT_TRUE(shapes_by_name(tensor_inventory(config)).contains("model.layers.0.mlp.gate.weight"));
}

TEST(VisionConfig, ComesFromTheFileOrFromTheOfficialModel) {
  testing::CheckpointSpec spec{.text = testing::small_text_config(), .vision_blocks = 2};
  std::string text = testing::config_json(spec);
  VisionConfig vision = must(parse_model_config(text, "")).vision.value();
  EXPECT_EQ(vision.depth, 2);
  EXPECT_EQ(vision.intermediate_size, 4304);
  EXPECT_EQ(vision.out_hidden_size, spec.text.hidden_size);

  const std::string key = "\"depth\": 2";
  text.replace(text.find(key), key.size(), "\"depth\": 2, \"patch_size\": 14, \"out_hidden_size\": 96");
  vision = must(parse_model_config(text, "")).vision.value();
  EXPECT_EQ(vision.patch_size, 14);
  EXPECT_EQ(vision.out_hidden_size, 96);

  text.replace(text.find("14"), 2, "-3");
  const auto refused = parse_model_config(text, "");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), ::testing::HasSubstr("patch_size"));
}

}  // namespace
}  // namespace nibble::checkpoint
