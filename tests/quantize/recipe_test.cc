#include "quantize/recipe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

using nibble::testing::must;
using nibble::testing::source_path;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kPrefix = "model.language_model.";

TargetFormat format_of(const Recipe& recipe, std::string_view module) {
  const Rule* rule = recipe.rule_for(module);
  return rule == nullptr ? TargetFormat::kKeep : rule->format;
}

TEST(Recipe, ShippedOnesAreTheFiles) {
  EXPECT_THAT(shipped_recipes(), ElementsAre("nvidia", "nvfp4-max", "nvfp4-mse"));
  for (const std::string& name : shipped_recipes()) {
    const Recipe compiled = must(load_recipe(name));
    const Recipe file = must(load_recipe(source_path(fmt::format("recipes/{}.toml", name)).string()));
    EXPECT_EQ(compiled.name, name);
    EXPECT_EQ(compiled.description, file.description);
    EXPECT_EQ(compiled.rules.size(), file.rules.size());
  }
}

TEST(Recipe, NvidiaLayout) {
  const Recipe recipe = must(load_recipe("nvidia"));
  EXPECT_EQ(recipe.kv_cache_algo, "FP8");
  EXPECT_TRUE(recipe.needs_calibration());
  for (const std::string_view module :
       {"layers.0.mlp.experts", "layers.39.mlp.experts.255.up_proj", "layers.7.mlp.shared_expert.down_proj"}) {
    EXPECT_EQ(format_of(recipe, fmt::format("{}{}", kPrefix, module)), TargetFormat::kW4a16Nvfp4) << module;
    EXPECT_EQ(format_of(recipe, fmt::format("model.{}", module)), TargetFormat::kW4a16Nvfp4) << module;
  }
  EXPECT_EQ(format_of(recipe, "lm_head"), TargetFormat::kW4a16Nvfp4);
  for (const std::string_view module :
       {"layers.3.self_attn.q_proj", "layers.3.self_attn.k_proj", "layers.3.self_attn.v_proj",
        "layers.3.self_attn.o_proj", "layers.0.linear_attn.in_proj_qkv", "layers.0.linear_attn.in_proj_z",
        "layers.0.linear_attn.out_proj"}) {
    EXPECT_EQ(format_of(recipe, fmt::format("{}{}", kPrefix, module)), TargetFormat::kFp8) << module;
  }
  for (const std::string_view module :
       {"model.language_model.embed_tokens", "model.language_model.layers.0.mlp.gate",
        "model.language_model.layers.0.mlp.shared_expert_gate", "model.language_model.layers.0.linear_attn.in_proj_a",
        "model.language_model.layers.0.linear_attn.in_proj_b", "model.language_model.layers.3.self_attn.q_norm",
        "model.visual.blocks.0.attn.qkv", "mtp.fc", "mtp.layers.0.mlp.experts", "mtp.layers.0.self_attn.q_proj"}) {
    EXPECT_EQ(format_of(recipe, module), TargetFormat::kKeep) << module;
  }
}

TEST(Recipe, MaxAndSearchDifferInTheScaleAlone) {
  const Recipe by_max = must(load_recipe("nvfp4-max"));
  const Recipe search = must(load_recipe("nvfp4-mse"));
  ASSERT_EQ(by_max.rules.size(), search.rules.size());
  for (std::size_t i = 0; i < by_max.rules.size(); ++i) {
    EXPECT_EQ(by_max.rules[i].modules, search.rules[i].modules);
    EXPECT_EQ(by_max.rules[i].format, search.rules[i].format);
  }
  EXPECT_EQ(by_max.rules.back().nvfp4.rule, ScaleRule::kMax);
  EXPECT_EQ(by_max.rules.back().nvfp4.head_room, 448.0F);
  EXPECT_EQ(search.rules.back().nvfp4.rule, ScaleRule::kMseSweep);
  EXPECT_EQ(search.rules.back().nvfp4.head_room, 256.0F);
  EXPECT_EQ(search.rules.back().nvfp4.codes_below, 2);
  EXPECT_EQ(search.rules.back().nvfp4.codes_above, 6);
  EXPECT_FALSE(by_max.needs_calibration());
  EXPECT_FALSE(search.needs_calibration());
}

TEST(Recipe, UnknownNameListsTheKnownOnes) {
  const auto recipe = load_recipe("nvfp4");
  ASSERT_FALSE(recipe);
  EXPECT_EQ(recipe.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(recipe.error().describe(), HasSubstr("nvidia, nvfp4-max, nvfp4-mse"));
}

TEST(Recipe, FileErrorsNameTheFile) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder / "mine.toml").string();
  EXPECT_EQ(load_recipe(path).error().code(), ErrorCode::kNotFound);
  must(write_file(path, "nome = \"x\"\n"));
  EXPECT_THAT(load_recipe(path).error().describe(), HasSubstr("mine.toml: line 1: unknown key 'nome'"));
}

struct BadRecipe {
  std::string_view toml;
  std::string_view message;
};

class BadRecipeTest : public ::testing::TestWithParam<BadRecipe> {};

TEST_P(BadRecipeTest, IsRefusedWithLineAndReason) {
  const auto recipe = parse_recipe(GetParam().toml);
  ASSERT_FALSE(recipe) << GetParam().toml;
  EXPECT_THAT(recipe.error().describe(), HasSubstr(GetParam().message));
}

#define HEAD "name = 'x'\ndescription = 'y'\n"
#define RULE HEAD "[[rule]]\nmodules = ['a']\nformat = 'w4a16_nvfp4'\n"

INSTANTIATE_TEST_SUITE_P(
    Recipes, BadRecipeTest,
    ::testing::Values(
        BadRecipe{"name = ", "line 1: not valid TOML"},
        BadRecipe{"\nname\xD1\xBD = 'x'\n", "line 2: a character outside ASCII"},
        BadRecipe{"description = 'y'\n", "'name' is missing"}, BadRecipe{"name = ''\n", "'name' is missing or empty"},
        BadRecipe{"name = 3\n", "'name' must be a string"}, BadRecipe{"name = 'x'\n", "'description' is missing"},
        BadRecipe{HEAD, "no [[rule]]"}, BadRecipe{HEAD "kv_cache = 'NVFP4'\n", "line 3: unknown kv_cache 'NVFP4'"},
        BadRecipe{HEAD "rule = [1]\n", "'rule' must be a table"},
        BadRecipe{HEAD "rules = 1\n", "line 3: unknown key 'rules'; expected one of name, description, kv_cache, rule"},
        BadRecipe{HEAD "[[rule]]\nmodules = ['a']\n", "'format' is missing"},
        BadRecipe{HEAD "[[rule]]\nformat = 'fp8'\n", "'modules' must be an array"},
        BadRecipe{HEAD "[[rule]]\nformat = 'fp8'\nmodules = []\n",
                  "'modules' must be an array of names, and not empty"},
        BadRecipe{HEAD "[[rule]]\nformat = 'fp8'\nmodules = ['a', 1]\n", "every entry of 'modules'"},
        BadRecipe{HEAD "[[rule]]\nformat = 'fp8'\nmodules = ['a', '']\n", "every entry of 'modules'"},
        BadRecipe{HEAD "[[rule]]\nformat = 'int4'\nmodules = ['a']\n", "line 4: unknown format 'int4'"},
        BadRecipe{HEAD "[[rule]]\nformat = 'keep'\nmodules = ['a']\n", "quantizes nothing"},
        BadRecipe{HEAD "[[rule]]\nformat = 'fp8'\nmodules = ['a']\nscale = 'max'\n", "unknown key 'scale'"},
        BadRecipe{RULE, "'scale' is missing"}, BadRecipe{RULE "scale = 'min'\n", "line 6: unknown scale 'min'"},
        BadRecipe{RULE "scale = 'max'\ncodes_above = 2\n", "belong to scale = \"mse_sweep\""},
        BadRecipe{RULE "scale = 'mse_sweep'\ncodes_above = 2\n", "needs 'codes_below'"},
        BadRecipe{RULE "scale = 'mse_sweep'\ncodes_below = -1\n", "'codes_below' must be an integer from 0 to 126"},
        BadRecipe{RULE "scale = 'mse_sweep'\ncodes_below = 1.0\n", "'codes_below' must be an integer"},
        BadRecipe{RULE "scale = 'max'\nhead_room = 449\n", "line 7: 'head_room' must be a number from 1 to 448"},
        BadRecipe{RULE "scale = 'max'\nhead_room = nan\n", "'head_room' must be a number"},
        BadRecipe{RULE "scale = 'max'\nhead_room = '256'\n", "'head_room' must be a number"}));

}  // namespace
}  // namespace nibble::quantize
