#include "quantize/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"
#include "quantize/export_config.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

using checkpoint::DType;
using checkpoint::PlannedTensor;
using checkpoint::TensorEntry;
using nibble::testing::must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Entries as a store would give them; names point into tensors.
std::vector<TensorEntry> entries_of(const std::vector<PlannedTensor>& tensors) {
  std::vector<TensorEntry> entries;
  for (const PlannedTensor& tensor : tensors) {
    entries.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  return entries;
}

PlannedTensor bf16(std::string name, checkpoint::Shape shape) { return {std::move(name), DType::kBF16, shape}; }

Result<Plan> plan_of(const std::vector<PlannedTensor>& tensors, const Recipe& recipe) {
  return make_plan(entries_of(tensors), recipe);
}

Recipe recipe_of(std::string_view rules) {
  return must(parse_recipe(fmt::format("name = 'test'\ndescription = 'test'\n{}", rules)));
}

Recipe nvfp4_recipe(std::string_view module) {
  return recipe_of(fmt::format("[[rule]]\nmodules = ['{}']\nformat = 'w4a16_nvfp4'\nscale = 'max'\n", module));
}

TEST(NaturalOrder, NumbersCompareAsNumbers) {
  std::vector<std::string> names = {"b.10.c", "b.2.c", "a", "b.2", "b.02.c", "b.2.b", "b.100"};
  std::ranges::sort(names, natural_less);
  EXPECT_THAT(names, ElementsAre("a", "b.2", "b.2.b", "b.02.c", "b.2.c", "b.10.c", "b.100"));
  EXPECT_FALSE(natural_less("x.7", "x.7"));
}

class RealModelPlan : public ::testing::Test {
 protected:
  static testing::CheckpointSpec spec(testing::BuiltFormat format) {
    testing::CheckpointSpec spec;
    spec.text = testing::qwen36_text_config();
    spec.format = format;
    spec.vision_blocks = 27;
    spec.input_scales = false;
    return spec;
  }

  std::vector<PlannedTensor> source_ = testing::plan_tensors(spec(testing::BuiltFormat::kBf16));
  std::vector<TensorEntry> entries_ = entries_of(source_);
  Recipe recipe_ = must(load_recipe("nvidia"));
  Plan plan_ = must(make_plan(entries_, recipe_));
};

// formats §2: 124,468 tensors in the official file, of which 40 * 256 * 3 + 40 * 3 + 1 are input scales of NVFP4 layers
// that ModelOpt 0.47 no longer writes.
TEST_F(RealModelPlan, HasTheTensorsOfTheOfficialFile) {
  EXPECT_EQ(plan_.tensors.size(), 124'468U - (40 * 256 * 3 + 40 * 3 + 1));
  std::map<std::string, PlannedTensor> planned;
  for (const PlannedTensor& tensor : plan_.tensors) planned.emplace(tensor.name, tensor);
  EXPECT_EQ(planned.size(), plan_.tensors.size()) << "a name twice";
  for (const PlannedTensor& expected : testing::plan_tensors(spec(testing::BuiltFormat::kMixedNvfp4))) {
    const auto found = planned.find(expected.name);
    ASSERT_NE(found, planned.end()) << expected.name;
    EXPECT_EQ(found->second.dtype, expected.dtype) << expected.name;
    EXPECT_TRUE(found->second.shape == expected.shape) << expected.name;
  }
}

TEST_F(RealModelPlan, ListsTheLayersOfTheOfficialFile) {
  EXPECT_EQ(plan_.quantized_modules.size(), 291U);
  SKIP_WITHOUT_SHARED(path, "qwen36/hf_quant_config.json");
  const JsonDocument official = must(JsonDocument::parse(testing::must_read(path)));
  const JsonDocument ours = must(JsonDocument::parse(hf_quant_config(plan_, recipe_.kv_cache_algo)));
  const JsonView official_part = official.root().find("quantization");
  const JsonView our_part = ours.root().find("quantization");
  EXPECT_EQ(our_part.find("quant_algo").as_string(), official_part.find("quant_algo").as_string());
  EXPECT_EQ(our_part.find("kv_cache_quant_algo").as_string(), official_part.find("kv_cache_quant_algo").as_string());
  const JsonView layers = official_part.find("quantized_layers");
  EXPECT_EQ(layers.size(), plan_.quantized_modules.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto found = plan_.quantized_modules.find(layers.key(i));
    ASSERT_NE(found, plan_.quantized_modules.end()) << layers.key(i);
    EXPECT_EQ(quant_algo_name(found->second), layers.element(i).find("quant_algo").as_string());
  }
  const JsonView excluded = our_part.find("exclude_modules");
  ASSERT_EQ(excluded.size(), official_part.find("exclude_modules").size());
  for (std::size_t i = 0; i < excluded.size(); ++i) {
    EXPECT_EQ(excluded.element(i).as_string(), official_part.find("exclude_modules").element(i).as_string());
  }
}

TEST_F(RealModelPlan, GateAndUpOfAnExpertShareAGroup) {
  std::size_t pairs = 0;
  for (const SharingGroup& group : plan_.groups) {
    if (group.size() == 1) continue;
    ASSERT_EQ(group.size(), 2U);
    EXPECT_THAT(group[0].module, ::testing::EndsWith("gate_proj"));
    const std::string parent = group[0].module.substr(0, group[0].module.rfind('.'));
    EXPECT_EQ(group[1].module, parent + ".up_proj");
    ++pairs;
  }
  EXPECT_EQ(pairs, 40U * 257);
}

// The official layout's experts come fused; Qwen3.5's come one Linear each. Both plan to the same tensors.
TEST_F(RealModelPlan, IsTheSameForExpertsOneByOne) {
  const auto source = testing::plan_tensors(spec(testing::BuiltFormat::kBf16PerExpert));
  const std::vector<TensorEntry> entries = entries_of(source);
  const Plan plan = must(make_plan(entries, recipe_));
  EXPECT_EQ(plan.quantized_modules, plan_.quantized_modules);
  const auto trunk_names = [](const Plan& of) {
    std::set<std::string> names;
    for (const PlannedTensor& tensor : of.tensors) {
      if (!tensor.name.starts_with("mtp.")) names.insert(tensor.name);
    }
    return names;
  };
  EXPECT_EQ(trunk_names(plan), trunk_names(plan_));
  EXPECT_EQ(std::ranges::count_if(plan.groups, [](const SharingGroup& group) { return group.size() == 2; }), 40 * 257);
}

TEST(Plan, QueryKeyAndValueShareAScaleInNvfp4) {
  const auto plan = must(
      plan_of({bf16("layers.0.self_attn.q_proj.weight", {32, 16}), bf16("layers.0.self_attn.k_proj.weight", {16, 16}),
               bf16("layers.0.self_attn.v_proj.weight", {16, 16}), bf16("layers.0.self_attn.o_proj.weight", {16, 32}),
               bf16("layers.1.self_attn.q_proj.weight", {32, 16})},
              nvfp4_recipe("layers.*.self_attn")));
  std::multiset<std::size_t> sizes;
  for (const SharingGroup& group : plan.groups) sizes.insert(group.size());
  EXPECT_THAT(sizes, ElementsAre(1, 1, 3));
}

TEST(Plan, VectorsAndConvolutionsAndEmbeddingsAreKept) {
  const std::vector<PlannedTensor> tensors = {
      bf16("model.embed_tokens.weight", {64, 16}), bf16("model.norm.weight", {16}),
      bf16("model.layers.0.linear_attn.conv1d.weight", {16, 1, 4}), bf16("model.layers.0.linear_attn.A_log", {4}),
      bf16("model.layers.0.mlp.up_proj.weight", {16, 16})};
  const std::vector<TensorEntry> entries = entries_of(tensors);
  const Recipe recipe = nvfp4_recipe("*");
  const Plan plan = must(make_plan(entries, recipe));
  EXPECT_EQ(plan.kept.size(), 4U);
  EXPECT_EQ(plan.groups.size(), 1U);
}

TEST(Plan, UniformFilesNameWhatIsKeptByShortestPatterns) {
  const Recipe recipe = nvfp4_recipe("layers.1.mlp");
  const auto plan = must(plan_of(
      {bf16("layers.1.mlp.up_proj.weight", {16, 16}), bf16("layers.1.mlp_gate.weight", {16, 16}),
       bf16("layers.1.attn.a.weight", {16, 16}), bf16("layers.10.mlp.up_proj.weight", {16, 16}),
       bf16("head.weight", {16, 16}), bf16("vision.blocks.0.weight", {16, 16}), bf16("mtp.fc.weight", {16, 16})},
      recipe));
  const JsonDocument json = must(JsonDocument::parse(hf_quant_config(plan, "")));
  const JsonView excluded = json.root().find("quantization").find("exclude_modules");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < excluded.size(); ++i) names.emplace_back(excluded.element(i).as_string().value());
  EXPECT_THAT(names, ElementsAre("head", "layers.1.attn*", "layers.1.mlp_gate", "layers.10*", "vision*",
                                 "mtp.layers.0*", "mtp*"));
}

// "layers.1*" would exclude layer 10 too, which is quantized.
TEST(Plan, PatternPairsKeepLayerTenApartFromLayerOne) {
  const Recipe recipe = nvfp4_recipe("layers.10.mlp");
  const auto plan = must(
      plan_of({bf16("layers.1.mlp.up_proj.weight", {16, 16}), bf16("layers.10.mlp.up_proj.weight", {16, 16})}, recipe));
  EXPECT_THAT(hf_quant_config(plan, ""), HasSubstr("\"layers.1\",\n      \"layers.1.*\""));
}

TEST(Plan, RefusesWhatItCannotQuantize) {
  const auto error_of = [](const std::vector<PlannedTensor>& tensors, const Recipe& recipe) {
    const auto plan = plan_of(tensors, recipe);
    return plan ? std::string("no error") : plan.error().describe();
  };
  EXPECT_THAT(error_of({bf16("layers.0.mlp.up_proj.weight", {16, 24})}, nvfp4_recipe("layers.0.mlp")),
              HasSubstr("tensor 'layers.0.mlp.up_proj.weight' [16, 24]: NVFP4 needs rows of a multiple of 16"));
  EXPECT_THAT(error_of({{"a.weight", DType::kI32, {16, 16}}}, nvfp4_recipe("a")),
              HasSubstr("tensor 'a.weight' is I32; only BF16, F16 and F32"));
  EXPECT_THAT(error_of({bf16("a.weight", {16, 16})}, nvfp4_recipe("b")), HasSubstr("covers none of the 1 tensors"));
  EXPECT_THAT(error_of({bf16("a.mlp.experts.gate_up_proj", {4, 7, 16})}, nvfp4_recipe("a")),
              HasSubstr("expected an even number of rows"));
  EXPECT_THAT(error_of({bf16("a.mlp.experts.down_proj", {4, 16, 16})},
                       recipe_of("[[rule]]\nmodules = ['a']\nformat = 'fp8'\n")),
              HasSubstr("fused experts in FP8"));
  const Recipe two_rules = recipe_of(
      "[[rule]]\nmodules = ['*.up_proj']\nformat = 'w4a16_nvfp4'\nscale = 'max'\n"
      "[[rule]]\nmodules = ['*.gate_proj']\nformat = 'w4a16_nvfp4'\nscale = 'max'\nhead_room = 256\n");
  EXPECT_THAT(error_of({bf16("a.gate_proj.weight", {16, 16}), bf16("a.up_proj.weight", {16, 16})}, two_rules),
              HasSubstr("'a.gate_proj' and 'a.up_proj' share one global scale"));
  const Recipe mixed_experts = recipe_of(
      "[[rule]]\nmodules = ['*.experts.0']\nformat = 'fp8'\n"
      "[[rule]]\nmodules = ['*.experts']\nformat = 'w4a16_nvfp4'\nscale = 'max'\n");
  EXPECT_THAT(error_of({bf16("a.experts.0.up_proj.weight", {16, 16}), bf16("a.experts.1.up_proj.weight", {16, 16})},
                       mixed_experts),
              HasSubstr("experts of 'a.experts' fall under rules of different formats"));
}

}  // namespace
}  // namespace nibble::quantize
