#include "checkpoint/quantization_config.h"

#include <gmock/gmock.h>

#include <string>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/module_pattern.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::testing::AllOf;
using ::testing::HasSubstr;

QuantizationConfig from_config(std::string_view quantization_config) {
  return must(QuantizationConfig::parse("{\"quantization_config\": " + std::string(quantization_config) + "}", ""));
}

QuantizationConfig from_hf(std::string_view quantization) {
  return must(QuantizationConfig::parse("{}", "{\"quantization\": " + std::string(quantization) + "}"));
}

Error error_of(std::string_view config, std::string_view hf) {
  auto parsed = QuantizationConfig::parse(config, hf);
  return parsed ? Error(ErrorCode::kInterrupted, "no error") : parsed.error();
}

TEST(ModulePattern, Wildcards) {
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("mtp*", "mtp.fc"));
  EXPECT_TRUE(wildcard_match("*.mlp.*.gate_proj", "layers.0.mlp.experts.3.gate_proj"));
  EXPECT_TRUE(wildcard_match("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(wildcard_match("a*b*c", "aXbYbZ"));
  EXPECT_FALSE(wildcard_match("", "a"));
  EXPECT_TRUE(wildcard_match("", ""));
  // The pattern that makes a naive matcher take years.
  EXPECT_FALSE(wildcard_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(ModulePattern, WrappersAndInnerModules) {
  EXPECT_EQ(without_wrapper("model.language_model.layers.0.mlp"), "layers.0.mlp");
  EXPECT_EQ(without_wrapper("language_model.model.layers.0.mlp"), "layers.0.mlp");
  EXPECT_EQ(without_wrapper("model.layers.0.mlp"), "layers.0.mlp");
  EXPECT_EQ(without_wrapper("lm_head"), "lm_head");
  EXPECT_TRUE(pattern_covers("model.layers.1", "model.language_model.layers.1.mlp.gate"));
  EXPECT_FALSE(pattern_covers("model.layers.1", "model.language_model.layers.10.mlp.gate"));
  EXPECT_TRUE(pattern_covers("model.language_model.layers.*.linear_attn*", "model.layers.7.linear_attn.out_proj"));
  EXPECT_TRUE(pattern_covers("*visual", "model.visual.blocks.0"));
  EXPECT_TRUE(pattern_covers("model*", "model.language_model.layers.0"));
  EXPECT_FALSE(pattern_covers("lm_head", "lm_head2"));
  EXPECT_TRUE(pattern_covers("*.gate", "model.layers.0.mlp.gate.inner"));
  EXPECT_FALSE(pattern_covers("*.gate", "model.layers.0.mlp.gates"));
  EXPECT_TRUE(pattern_covers("model.*", "model.visual.blocks.0"));
  EXPECT_FALSE(pattern_covers("model.*", "lm_head"));
  EXPECT_FALSE(pattern_covers("model.language_model.*", "model.visual.blocks.0"));
}

TEST(QuantizationConfig, NeitherFileSaysAnything) {
  QuantizationConfig plain = must(QuantizationConfig::parse("{}", ""));
  EXPECT_FALSE(plain.quantized());
  EXPECT_EQ(plain.algo_of("lm_head"), QuantAlgo::kNone);
  EXPECT_FALSE(must(QuantizationConfig::parse(R"({"quantization_config": null})", "")).quantized());
  QuantizationConfig cache_only = from_hf(R"({"quant_algo": null, "kv_cache_quant_algo": "FP8"})");
  EXPECT_FALSE(cache_only.quantized());
  EXPECT_EQ(cache_only.kv_cache_algo(), "FP8");
}

TEST(QuantizationConfig, UniformAlgorithmsWithExclusions) {
  for (auto [name, algo] :
       {std::pair("FP8", QuantAlgo::kFp8), {"NVFP4", QuantAlgo::kNvfp4}, {"W4A16_NVFP4", QuantAlgo::kW4a16Nvfp4}}) {
    std::string group = algo == QuantAlgo::kFp8 ? "" : R"("group_size": 16, )";
    QuantizationConfig hf = from_hf("{\"quant_algo\": \"" + std::string(name) + "\", " + group +
                                    R"("exclude_modules": ["lm_head", "*linear_attn*", "model.visual", "mtp.*"]})");
    QuantizationConfig config = from_config(R"({"quant_method": "modelopt", "quant_algo": ")" + std::string(name) +
                                            R"(", "ignore": ["lm_head", "*linear_attn*", "model.visual", "mtp.*"]})");
    for (const QuantizationConfig& one : {hf, config}) {
      EXPECT_EQ(one.top_algo(), name);
      EXPECT_EQ(one.algo_of("model.language_model.layers.3.self_attn.q_proj"), algo);
      EXPECT_EQ(one.algo_of("lm_head"), QuantAlgo::kNone);
      EXPECT_EQ(one.algo_of("model.language_model.layers.0.linear_attn.out_proj"), QuantAlgo::kNone);
      EXPECT_EQ(one.algo_of("model.visual.blocks.3.attn.qkv"), QuantAlgo::kNone);
      EXPECT_EQ(one.algo_of("mtp.layers.0.mlp.experts"), QuantAlgo::kNone);
      EXPECT_FALSE(one.lists("model.language_model.layers.3.self_attn.q_proj"));
    }
  }
}

TEST(QuantizationConfig, MixedPrecisionCoversExpertsAndWrappers) {
  QuantizationConfig mixed = from_hf(R"({"quant_algo": "MIXED_PRECISION", "exclude_modules": ["mtp*"],
    "quantized_layers": {
      "model.language_model.layers.0.mlp.experts": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
      "model.language_model.layers.0.linear_attn.out_proj": {"quant_algo": "FP8"},
      "model.language_model.layers.*.mlp.shared_expert.*": {"quant_algo": "NVFP4", "group_size": 16},
      "lm_head": {"quant_algo": "W4A16_NVFP4"}}})");
  EXPECT_EQ(mixed.algo_of("model.language_model.layers.0.mlp.experts.255.down_proj"), QuantAlgo::kW4a16Nvfp4);
  EXPECT_EQ(mixed.algo_of("model.layers.0.mlp.experts.0.up_proj"), QuantAlgo::kW4a16Nvfp4);
  EXPECT_EQ(mixed.algo_of("model.layers.0.linear_attn.out_proj"), QuantAlgo::kFp8);
  EXPECT_EQ(mixed.algo_of("model.layers.9.mlp.shared_expert.up_proj"), QuantAlgo::kNvfp4);
  EXPECT_EQ(mixed.algo_of("lm_head"), QuantAlgo::kW4a16Nvfp4);
  EXPECT_EQ(mixed.algo_of("model.language_model.layers.0.mlp.gate"), QuantAlgo::kNone);
  EXPECT_EQ(mixed.algo_of("model.language_model.layers.1.mlp.experts"), QuantAlgo::kNone);
  EXPECT_EQ(mixed.algo_of("mtp.layers.0.mlp.experts"), QuantAlgo::kNone);
  EXPECT_TRUE(mixed.lists("model.layers.0.mlp.experts.3.gate_proj"));
  EXPECT_FALSE(mixed.lists("model.layers.0.mlp.gate"));
}

TEST(QuantizationConfig, FactsOfTheTwoFilesAreMerged) {
  QuantizationConfig merged = must(QuantizationConfig::parse(
      R"({"quantization_config": {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
          "kv_cache_scheme": {"dynamic": false, "num_bits": 8, "type": "float"},
          "quantized_layers": {"lm_head": {"quant_algo": "FP8"}}}})",
      R"({"producer": {"name": "modelopt", "version": "0.44.0"}, "quantization": {"quant_algo": "MIXED_PRECISION"}})"));
  EXPECT_EQ(merged.kv_cache_algo(), "FP8");
  EXPECT_EQ(merged.producer(), "modelopt 0.44.0");
  EXPECT_EQ(merged.algo_of("lm_head"), QuantAlgo::kFp8);
  // hf_quant_config.json as it is, inside config.json.
  QuantizationConfig embedded =
      from_config(R"({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8", "exclude_modules": ["a"]}})");
  EXPECT_EQ(embedded.top_algo(), "FP8");
  EXPECT_EQ(embedded.algo_of("a"), QuantAlgo::kNone);
}

TEST(QuantizationConfig, ReadsTheOfficialLayout) {
  SKIP_WITHOUT_SHARED(folder, "qwen36");
  QuantizationConfig official = must(QuantizationConfig::read(folder));
  EXPECT_EQ(official.top_algo(), "MIXED_PRECISION");
  EXPECT_EQ(official.producer(), "modelopt 0.44.0");
  EXPECT_EQ(official.kv_cache_algo(), "FP8");
  EXPECT_EQ(official.algo_of("model.language_model.layers.39.mlp.experts.7.up_proj"), QuantAlgo::kW4a16Nvfp4);
  EXPECT_EQ(official.algo_of("model.language_model.layers.39.self_attn.q_proj"), QuantAlgo::kFp8);
  EXPECT_EQ(official.algo_of("model.language_model.layers.38.linear_attn.in_proj_z"), QuantAlgo::kFp8);
  EXPECT_EQ(official.algo_of("model.language_model.layers.38.linear_attn.in_proj_a"), QuantAlgo::kNone);
  EXPECT_EQ(official.algo_of("mtp.layers.0.self_attn.q_proj"), QuantAlgo::kNone);

  // The test builder's files say the same.
  testing::CheckpointSpec spec{.text = testing::qwen36_text_config(), .format = testing::BuiltFormat::kMixedNvfp4};
  QuantizationConfig built = must(QuantizationConfig::parse(config_json(spec), hf_quant_config_json(spec)));
  for (const auto& tensor : plan_tensors(spec)) {
    std::string_view module = std::string_view(tensor.name).substr(0, tensor.name.rfind('.'));
    ASSERT_EQ(built.algo_of(module), official.algo_of(module)) << module;
  }
}

// What ModelOpt 0.47 itself wrote for the shipped model: both files say the same, and fit the tensors it wrote.
TEST(QuantizationConfig, ReadsWhatModelOptWrites) {
  for (std::string_view recipe : {"nvidia", "nvfp4-max"}) {
    const auto folder = testing::golden_path("quantize") / recipe;
    const std::string in_config = must_read(folder / "config.json");
    const std::string hf = must_read(folder / "hf_quant_config.json");
    const std::string tensors_text = must_read(folder / "tensors.json");
    JsonDocument tensors = must(JsonDocument::parse(tensors_text));
    for (const QuantizationConfig& config :
         {must(QuantizationConfig::parse(in_config, "")), must(QuantizationConfig::parse("{}", hf)),
          must(QuantizationConfig::parse(in_config, hf))}) {
      EXPECT_EQ(config.producer(), "modelopt 0.47.0");
      EXPECT_EQ(config.kv_cache_algo(), recipe == "nvidia" ? "FP8" : "");
      for (std::size_t i = 0; i < tensors.root().size(); ++i) {
        std::string_view name = tensors.root().key(i);
        std::string_view dtype = *tensors.root().element(i).element(0).as_string();
        if (!name.ends_with("_proj.weight") && !name.ends_with("lm_head.weight")) continue;
        QuantAlgo expected = dtype == "U8"        ? QuantAlgo::kW4a16Nvfp4
                             : dtype == "F8_E4M3" ? QuantAlgo::kFp8
                                                  : QuantAlgo::kNone;
        EXPECT_EQ(config.algo_of(name.substr(0, name.rfind('.'))), expected) << name;
      }
    }
  }
}

TEST(QuantizationConfig, OtherMethodsAreNamed) {
  for (std::string_view method : {"compressed-tensors", "awq", "gptq", "fp8", "bitsandbytes", "mxfp4"}) {
    Error error = error_of("{\"quantization_config\": {\"quant_method\": \"" + std::string(method) + "\"}}", "");
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.describe(),
                AllOf(HasSubstr("config.json: quantization_config: 'quant_method': the weights are quantized by \"" +
                                std::string(method) + "\", which nibble cannot read"),
                      HasSubstr("ModelOpt's FP8, NVFP4")));
  }
  EXPECT_THAT(error_of(R"({"quantization_config": {"bits": 4}})", "").describe(),
              HasSubstr("'quant_method': expected a string, found nothing"));
}

TEST(QuantizationConfig, RefusesWhatItCannotCompute) {
  struct Case {
    std::string_view hf, expected;
    ErrorCode code = ErrorCode::kUnsupported;
  };
  const Case cases[] = {
      {R"({"quant_algo": "W4A16_AWQ"})", "'quant_algo': nibble cannot compute with \"W4A16_AWQ\""},
      {R"({"quant_algo": "NVFP4", "group_size": 32})", "'group_size': nibble computes NVFP4 in groups of 16, found 32"},
      {R"({"quant_algo": "NVFP4", "group_size": "16"})", "'group_size'", ErrorCode::kInvalidInput},
      {R"({"quant_algo": 4})", "'quant_algo': expected a string", ErrorCode::kInvalidInput},
      {R"({"quant_algo": "MIXED_PRECISION"})", "'quantized_layers' says of no module", ErrorCode::kInvalidInput},
      {R"({"quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "W8A16"}}})",
       "\"a\": 'quant_algo': nibble cannot compute with \"W8A16\""},
      {R"({"quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "NVFP4", "group_size": 8}}})",
       "\"a\": 'group_size'"},
      {R"({"quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {}}})", "\"a\": 'quant_algo'",
       ErrorCode::kInvalidInput},
      {R"({"quant_algo": "MIXED_PRECISION", "quantized_layers": ["a"]})", "'quantized_layers': expected an object",
       ErrorCode::kInvalidInput},
      {R"({"quant_algo": "MIXED_PRECISION",
           "quantized_layers": {"model.a": {"quant_algo": "FP8"}, "a": {"quant_algo": "NVFP4"}}})",
       "under another name as FP8", ErrorCode::kInvalidInput},
      {R"({"quant_algo": "FP8", "exclude_modules": "lm_head"})", "'exclude_modules': expected an array",
       ErrorCode::kInvalidInput},
      {R"({"quant_algo": "FP8", "exclude_modules": [7]})", "entry 0 is none", ErrorCode::kInvalidInput},
      {R"({"quant_algo": "FP8", "exclude_modules": ["re:.*"]})", "is a regular expression"},
      {"7", "'quantization': expected an object", ErrorCode::kInvalidInput},
  };
  for (const Case& one : cases) {
    Error error = error_of("{}", "{\"quantization\": " + std::string(one.hf) + "}");
    EXPECT_EQ(error.code(), one.code) << error.describe();
    EXPECT_THAT(error.describe(), AllOf(HasSubstr("hf_quant_config.json: "), HasSubstr(std::string(one.expected))));
  }
  EXPECT_THAT(error_of("{}", "{").describe(), HasSubstr("hf_quant_config.json: not valid JSON"));
  EXPECT_THAT(error_of(R"({"quantization_config": 7})", "").describe(), HasSubstr("expected an object"));
  EXPECT_THAT(error_of(R"({"quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8",
                           "kv_cache_scheme": {"num_bits": 3, "type": "float"}}})",
                       "")
                  .describe(),
              HasSubstr("nibble knows no 3-bit \"float\""));
}

TEST(QuantizationConfig, FilesThatContradictEachOther) {
  auto both = [](std::string_view config, std::string_view hf) {
    return error_of("{\"quantization_config\": {\"quant_method\": \"modelopt\", " + std::string(config) + "}}",
                    "{\"quantization\": {" + std::string(hf) + "}}")
        .describe();
  };
  EXPECT_THAT(both(R"("quant_algo": "FP8")", R"("quant_algo": "NVFP4")"),
              HasSubstr("hf_quant_config.json says quant_algo is \"NVFP4\", config.json: quantization_config says "
                        "\"FP8\"; make them agree"));
  EXPECT_THAT(both(R"("quant_algo": "FP8", "kv_cache_scheme": "NVFP4")",
                   R"("quant_algo": "FP8", "kv_cache_quant_algo": "FP8")"),
              HasSubstr("the KV cache's algorithm"));
  EXPECT_THAT(both(R"("quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "FP8"}})",
                   R"("quant_algo": "MIXED_PRECISION", "quantized_layers": {"a": {"quant_algo": "NVFP4"}})"),
              HasSubstr("have different quantized_layers"));
}

TEST(QuantizationConfig, EmptyFileIsDamage) {
  testing::TemporaryFolder folder;
  must(write_file(folder / "config.json", "{}"));
  EXPECT_FALSE(must(QuantizationConfig::read(folder.path())).quantized());
  must(write_file(folder / "hf_quant_config.json", ""));
  EXPECT_THAT(QuantizationConfig::read(folder.path()).error().describe(), HasSubstr("hf_quant_config.json is empty"));
}

}  // namespace
}  // namespace nibble::checkpoint
