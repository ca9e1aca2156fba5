// Which checkpoints the model accepts, and what it says about those it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "base/file.h"
#include "checkpoint/safetensors_writer.h"
#include "model/golden.h"
#include "support/test_files.h"

namespace nibble {
namespace {

using checkpoint::DType;
using checkpoint::Shape;
using ::testing::HasSubstr;
using testing::largest_difference;
using testing::must;
using testing::TestModel;

struct StoredTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<std::byte> bytes;
};
using Tensors = std::vector<StoredTensor>;

Tensors read_tensors(const std::filesystem::path& folder) {
  const auto store = must(checkpoint::TensorStore::open(folder));
  Tensors tensors;
  for (const auto& entry : store.entries()) {
    const auto bytes = store.bytes(entry);
    tensors.push_back({std::string(entry.name), entry.dtype, entry.shape, {bytes.begin(), bytes.end()}});
  }
  return tensors;
}

void write_tensors(const std::filesystem::path& folder, const Tensors& tensors) {
  std::vector<checkpoint::PlannedTensor> plan;
  for (const auto& tensor : tensors) plan.push_back({tensor.name, tensor.dtype, tensor.shape});
  auto writer = must(checkpoint::SafetensorsWriter::create(folder, plan));
  for (const auto& tensor : tensors) must(writer.write(tensor.name, tensor.bytes));
  must(writer.finish());
}

StoredTensor& find(Tensors& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &StoredTensor::name);
  if (found == tensors.end()) testing::die(Error(ErrorCode::kNotFound, std::string(name)));
  return *found;
}

// A checkpoint with the configuration of `source` and its tensors after `change`.
class ChangedCheckpoint {
 public:
  ChangedCheckpoint(const std::filesystem::path& source, const std::function<void(Tensors&)>& change) {
    Tensors tensors = read_tensors(source);
    change(tensors);
    write_tensors(folder_.path(), tensors);
    std::filesystem::copy_file(source / "config.json", folder_ / "config.json");
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  testing::TemporaryFolder folder_;
};

std::vector<float> odd_logits(const std::filesystem::path& folder) {
  return TestModel(folder).run(std::vector<model::TokenId>{5, 310, 17, 17, 200, 3, 99});
}

void rename_prefix(Tensors& tensors, const std::string& from, const std::string& to) {
  for (auto& tensor : tensors) {
    if (tensor.name.starts_with(from)) tensor.name = to + tensor.name.substr(from.size());
  }
}

TEST(Binding, TextOnlyNames) {
  const ChangedCheckpoint changed(testing::odd_folder(),
                                  [](Tensors& tensors) { rename_prefix(tensors, "model.language_model.", "model."); });
  EXPECT_EQ(largest_difference(odd_logits(changed.path()), odd_logits(testing::odd_folder())), 0.0F);
}

// One Linear an expert, as quantized exports have them, instead of two stacks.
void split_experts(Tensors& tensors) {
  Tensors split;
  for (auto& tensor : tensors) {
    const std::size_t at = tensor.name.find(".mlp.experts.");
    if (at == std::string::npos) {
      split.push_back(std::move(tensor));
      continue;
    }
    const std::string module = tensor.name.substr(0, at) + ".mlp.experts.";
    const bool gate_up = tensor.name.ends_with("gate_up_proj");
    const std::int64_t parts = gate_up ? 2 : 1;
    const std::int64_t rows = tensor.shape[1] / parts;
    const std::size_t bytes = static_cast<std::size_t>(rows * tensor.shape[2]) * checkpoint::dtype_bytes(tensor.dtype);
    const std::byte* next = tensor.bytes.data();
    for (std::int64_t expert = 0; expert < tensor.shape[0]; ++expert) {
      for (std::int64_t part = 0; part < parts; ++part, next += bytes) {
        const char* projection = !gate_up ? "down_proj" : part == 0 ? "gate_proj" : "up_proj";
        split.push_back({module + std::to_string(expert) + "." + projection + ".weight",
                         tensor.dtype,
                         {rows, tensor.shape[2]},
                         {next, next + bytes}});
      }
    }
  }
  tensors = std::move(split);
}

TEST(Binding, ExpertsOneByOne) {
  const ChangedCheckpoint changed(testing::odd_folder(), split_experts);
  EXPECT_EQ(largest_difference(odd_logits(changed.path()), odd_logits(testing::odd_folder())), 0.0F);
}

TEST(Binding, MtpLayerMayBeAbsentAsAWhole) {
  const auto without = [](Tensors& tensors) {
    std::erase_if(tensors, [](const StoredTensor& tensor) { return tensor.name.starts_with("mtp."); });
  };
  const ChangedCheckpoint changed(testing::tiny_folder(), without);
  EXPECT_EQ(TestModel(changed.path()).run(std::vector<model::TokenId>{1, 2, 3}).size(), 3U * 4096U);
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

// The first three layers of five, bound alone, are the model that a configuration of three layers describes.
TEST(Binding, SliceOfTheFirstLayers) {
  const testing::TemporaryFolder shorter;
  std::string config = must(read_file(testing::odd_folder() / "config.json"));
  replace(config, "\"num_hidden_layers\": 5", "\"num_hidden_layers\": 3");
  replace(config, "\"linear_attention\",\n      \"full_attention\",\n      \"linear_attention\"",
          "\"linear_attention\"");
  must(write_file(shorter / "config.json", config));
  std::filesystem::copy_file(testing::odd_folder() / "model.safetensors", shorter / "model.safetensors");

  ThreadPool pool(2);
  const auto checkpoint = must(checkpoint::Checkpoint::open(testing::odd_folder()));
  const auto slice = must(model::load_text_model(checkpoint, pool, {.layers = 3}));
  EXPECT_EQ(slice->config().layers, 3);
  EXPECT_EQ(slice->config().layer_types.size(), 3U);
  std::vector<float> logits;
  const auto state = must(slice->new_state(7));
  must(slice->forward(std::vector<model::TokenId>{5, 310, 17, 17, 200, 3, 99}, *state, model::LogitsOf::kAllTokens,
                      logits));
  EXPECT_EQ(largest_difference(logits, odd_logits(shorter.path())), 0.0F);
  EXPECT_GT(largest_difference(logits, odd_logits(testing::odd_folder())), 0.01F);

  const auto refused = model::load_text_model(checkpoint, pool, {.layers = 6});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), HasSubstr("6 layers were asked for; the model has 5"));
}

// The error names the tensor; where the shape is wrong, also what was expected and found.
void expect_rejected(const std::filesystem::path& source, const std::function<void(Tensors&)>& change,
                     const std::vector<std::string>& mentioned) {
  const ChangedCheckpoint changed(source, change);
  ThreadPool pool(1);
  const auto checkpoint = checkpoint::Checkpoint::open(changed.path());
  const auto describe = [&]() -> std::string {
    if (!checkpoint) return checkpoint.error().describe();
    const auto model = model::load_text_model(*checkpoint, pool);
    return model ? "no error" : model.error().describe();
  };
  const std::string description = describe();
  for (const std::string& part : mentioned) EXPECT_THAT(description, HasSubstr(part));
}

void expect_missing_is_rejected(const std::filesystem::path& source, const std::string& name) {
  expect_rejected(
      source, [&](Tensors& tensors) { std::erase_if(tensors, [&](const auto& t) { return t.name == name; }); }, {name});
}

TEST(Binding, MissingTensorsAreNamed) {
  const std::string layer = "model.language_model.layers.";
  for (const std::string& name :
       {std::string("lm_head.weight"), std::string("model.language_model.norm.weight"),
        layer + "0.self_attn.k_norm.weight", layer + "0.self_attn.o_proj.weight", layer + "1.linear_attn.A_log",
        layer + "1.linear_attn.conv1d.weight", layer + "2.linear_attn.in_proj_b.weight", layer + "3.mlp.gate.weight",
        layer + "4.mlp.experts.down_proj", layer + "4.mlp.shared_expert_gate.weight",
        layer + "4.post_attention_layernorm.weight"}) {
    expect_missing_is_rejected(testing::odd_folder(), name);
  }
  expect_missing_is_rejected(testing::tiny_folder(), "mtp.layers.0.mlp.shared_expert.up_proj.weight");
  expect_missing_is_rejected(testing::tiny_folder(), "mtp.pre_fc_norm_hidden.weight");
}

TEST(Binding, WrongShapesAreNamed) {
  const std::string norm = "model.language_model.layers.1.linear_attn.norm.weight";
  const auto shorten = [&](Tensors& tensors) {
    StoredTensor& tensor = find(tensors, norm);
    tensor.shape = {31};
    tensor.bytes.resize(31 * sizeof(float));
  };
  expect_rejected(testing::odd_folder(), shorten, {norm, "[32]", "[31]"});

  const std::string projection = "model.language_model.layers.0.self_attn.k_proj.weight";
  const auto transpose = [&](Tensors& tensors) { find(tensors, projection).shape = {80, 384}; };
  expect_rejected(testing::odd_folder(), transpose, {projection, "[384, 80]", "[80, 384]"});
}

TEST(Binding, NanIsNamed) {
  const std::string name = "model.language_model.layers.2.linear_attn.A_log";
  const auto poison = [&](Tensors& tensors) {
    const std::uint32_t nan = 0x7FC00000;
    std::memcpy(find(tensors, name).bytes.data() + 4, &nan, sizeof(nan));
  };
  expect_rejected(testing::odd_folder(), poison, {name});
}

TEST(Binding, UnknownArchitectureIsUnsupported) {
  const testing::OddWithConfig folder("Qwen3_5MoeForConditionalGeneration", "LlamaForCausalLM");
  ThreadPool pool(1);
  const auto checkpoint = checkpoint::Checkpoint::open(folder.path());
  if (!checkpoint) {
    EXPECT_EQ(checkpoint.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(checkpoint.error().describe(), HasSubstr("LlamaForCausalLM"));
    return;
  }
  const auto model = model::load_text_model(*checkpoint, pool);
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(model.error().describe(), HasSubstr("LlamaForCausalLM"));
}

}  // namespace
}  // namespace nibble
