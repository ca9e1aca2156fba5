#include "checkpoint/model_config.h"

#include <gmock/gmock.h>

#include <string>

#include "base/file.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A flat file in the oldest spelling; every test below edits it.
constexpr std::string_view kFlat = R"({
  "architectures": ["Qwen3_5MoeForCausalLM"],
  "model_type": "qwen3_5_moe_text",
  "torch_dtype": "float16",
  "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 4,
  "full_attention_interval": 2,
  "rms_norm_eps": 1e-05, "max_position_embeddings": 1024,
  "tie_word_embeddings": true,
  "hidden_act": "silu", "attention_bias": false, "norm_topk_prob": true,
  "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
  "rope_theta": 50000.0, "partial_rotary_factor": 0.5,
  "rope_scaling": null,
  "linear_num_key_heads": 2, "linear_num_value_heads": 4,
  "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_conv_kernel_dim": 4,
  "num_experts": 8, "num_experts_per_tok": 2,
  "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16,
  "eos_token_id": 7
})";

std::string edited(std::string_view from, std::string_view to) {
  std::string text(kFlat);
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Error error_after(std::string_view from, std::string_view to) {
  auto config = parse_model_config(edited(from, to), "");
  return config ? Error(ErrorCode::kInterrupted, "no error") : config.error();
}

std::string message_after(std::string_view from, std::string_view to) { return error_after(from, to).describe(); }

TEST(ModelConfig, ReadsAFlatFileInOlderSpelling) {
  ModelConfig config = must(parse_model_config(kFlat, ""));
  EXPECT_EQ(config.architecture, "Qwen3_5MoeForCausalLM");
  EXPECT_EQ(config.model_type, "qwen3_5_moe_text");
  EXPECT_EQ(config.dtype, "float16");
  EXPECT_FALSE(config.vision);
  const TextConfig& text = config.text;
  using enum LayerType;
  EXPECT_THAT(text.layer_types, ElementsAre(kLinearAttention, kFullAttention, kLinearAttention, kFullAttention));
  EXPECT_EQ(text.rope.theta, 50000.0);
  EXPECT_EQ(text.rotary_dim(), 16);
  EXPECT_THAT(text.rope.mrope_section, IsEmpty());
  EXPECT_EQ(text.rope.yarn_factor, 1.0);
  EXPECT_EQ(text.rms_norm_eps, 1e-5);
  EXPECT_TRUE(text.tie_word_embeddings);
  EXPECT_TRUE(text.attn_output_gate);
  EXPECT_EQ(text.conv_channels(), 64);
  EXPECT_EQ(text.mtp_layers, 0);
  EXPECT_THAT(config.generation.eos_token_ids, ElementsAre(7));
}

TEST(ModelConfig, ReadsTheShippedModel) {
  ModelConfig config = must(read_model_config(testing::source_path("models/qwen36-tiny")));
  EXPECT_EQ(config.architecture, "Qwen3_5MoeForConditionalGeneration");
  EXPECT_EQ(config.dtype, "bfloat16");
  EXPECT_EQ(config.text.vocab_size, 4096);
  EXPECT_EQ(config.text.layers, 8);
  EXPECT_EQ(config.text.layer_types[3], LayerType::kFullAttention);
  EXPECT_EQ(config.text.layer_types[4], LayerType::kLinearAttention);
  EXPECT_EQ(config.text.rotary_dim(), 16);
  EXPECT_THAT(config.text.rope.mrope_section, ElementsAre(3, 3, 2));
  EXPECT_TRUE(config.text.rope.mrope_interleaved);
  EXPECT_EQ(config.text.top_k, 4);
  EXPECT_EQ(config.text.mtp_layers, 1);
  EXPECT_THAT(config.generation.eos_token_ids, ElementsAre(4034, 4032));
  EXPECT_TRUE(config.generation.do_sample);
  EXPECT_EQ(config.generation.top_k, 20);
  EXPECT_EQ(config.generation.top_p, 0.95);
}

TEST(ModelConfig, ReadsTheOfficialFiles) {
  SKIP_WITHOUT_SHARED(folder, "qwen36");
  ModelConfig config = must(read_model_config(folder));
  EXPECT_EQ(config.text.layers, 40);
  EXPECT_EQ(config.text.hidden_size, 2048);
  EXPECT_EQ(config.text.rotary_dim(), 64);
  EXPECT_EQ(config.text.rope.theta, 1e7);
  EXPECT_EQ(config.text.conv_channels(), 8192);
  EXPECT_EQ(config.text.experts, 256);
  ASSERT_TRUE(config.vision);
  EXPECT_EQ(config.vision->depth, 27);
  EXPECT_EQ(config.vision->hidden_size, 1152);
  EXPECT_THAT(config.generation.eos_token_ids, ElementsAre(248046, 248044));
}

// What the test builder writes is what the parser reads: every field survives.
TEST(ModelConfig, RoundTripsThroughTheTestBuilder) {
  testing::CheckpointSpec spec{.text = testing::small_text_config(), .vision_blocks = 2};
  spec.text.rope.yarn_factor = 4;
  spec.text.rope.yarn_original_context = 128;
  ModelConfig config = must(parse_model_config(config_json(spec), generation_config_json(spec)));
  EXPECT_EQ(config.text.layer_types, spec.text.layer_types);
  EXPECT_EQ(config.text.linear_value_dim, 12);
  EXPECT_EQ(config.text.shared_expert_width, 48);
  EXPECT_EQ(config.text.rope.yarn_factor, 4);
  EXPECT_EQ(config.text.rope.yarn_original_context, 128);
  EXPECT_EQ(config.vision->depth, 2);
  EXPECT_THAT(config.generation.eos_token_ids, ElementsAre(79, 78));
  EXPECT_EQ(config.generation.temperature, 0.7);
}

TEST(ModelConfig, RopeInEverySpelling) {
  auto rope_after = [](std::string_view from, std::string_view to) {
    return must(parse_model_config(edited(from, to), "")).text.rope;
  };
  // The inner value wins over the one beside it.
  RopeConfig rope =
      rope_after("\"rope_scaling\": null",
                 R"("rope_parameters": {"rope_type": "default", "rope_theta": 9, "mrope_section": [4, 2, 2],
                                                      "partial_rotary_factor": 0.5})");
  EXPECT_EQ(rope.theta, 9.0);
  EXPECT_THAT(rope.mrope_section, ElementsAre(4, 2, 2));
  EXPECT_FALSE(rope.mrope_interleaved);
  // "type" is the older "rope_type"; "mrope" means default frequencies.
  rope = rope_after("\"rope_scaling\": null", R"("rope_scaling": {"type": "mrope", "mrope_section": [4, 2, 2]})");
  EXPECT_EQ(rope.theta, 50000.0);
  EXPECT_EQ(rope.yarn_factor, 1.0);
  rope = rope_after("\"rope_scaling\": null", R"("rope_scaling": {"rope_type": "yarn", "factor": 4.0})");
  EXPECT_EQ(rope.yarn_factor, 4.0);
  EXPECT_EQ(rope.yarn_original_context, 1024);  // max_position_embeddings where it is not said
  EXPECT_EQ(rope.yarn_beta_fast, 32.0);
  EXPECT_FALSE(rope.yarn_attention_factor);
  rope = rope_after("\"rope_scaling\": null",
                    R"("rope_parameters": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 256,
                                           "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.25})");
  EXPECT_EQ(rope.yarn_original_context, 256);
  EXPECT_EQ(rope.yarn_beta_fast, 16.0);
  EXPECT_EQ(rope.yarn_beta_slow, 2.0);
  EXPECT_EQ(rope.yarn_attention_factor, 1.25);
}

TEST(ModelConfig, RefusesRopesItCannotCompute) {
  auto scaling = [](std::string_view object) {
    return error_after("\"rope_scaling\": null", "\"rope_scaling\": " + std::string(object));
  };
  EXPECT_EQ(scaling(R"({"rope_type": "llama3"})").code(), ErrorCode::kUnsupported);
  EXPECT_THAT(scaling(R"({"rope_type": "llama3"})").describe(),
              HasSubstr("'rope_type': nibble knows default and yarn, found \"llama3\""));
  EXPECT_THAT(scaling("7").describe(), HasSubstr("'rope_scaling': expected an object, found an integer"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn"})").describe(), HasSubstr("'factor': expected a number, found nothing"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn", "factor": 0.5})").describe(), HasSubstr("at least 1"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn", "factor": -4})").describe(), HasSubstr("found -4.0"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn", "factor": 4, "beta_fast": 1, "beta_slow": 32})").describe(),
              HasSubstr("'beta_fast': expected at least beta_slow"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn", "factor": 4, "mscale": 1})").describe(), HasSubstr("'mscale'"));
  EXPECT_THAT(scaling(R"({"rope_type": "yarn", "factor": 4, "truncate": false})").describe(), HasSubstr("'truncate'"));
  EXPECT_THAT(scaling(R"({"mrope_section": [4, 2, 3]})").describe(),
              HasSubstr("'mrope_section': expected a sum of 8, half the rotary dimension, found 9"));
  EXPECT_THAT(scaling(R"({"mrope_section": [4, 4]})").describe(), HasSubstr("three integers"));
  EXPECT_THAT(scaling(R"({"mrope_section": [16, -4, -4]})").describe(), HasSubstr("three integers"));
  EXPECT_THAT(message_after("\"rope_theta\": 50000.0,", ""),
              HasSubstr("'rope_theta': expected a number, found nothing"));
  EXPECT_THAT(message_after("50000.0", "0"), HasSubstr("'rope_theta': expected a number above 0"));
  EXPECT_THAT(message_after("50000.0", "\"x\""), HasSubstr("found a string"));
  EXPECT_THAT(message_after("_factor\": 0.5", "_factor\": 0.28125"),
              HasSubstr("0.28125 of head_dim 32 rotates 9 values; expected an even number"));
  EXPECT_THAT(message_after("_factor\": 0.5", "_factor\": 1.5"), HasSubstr("at most 1"));
  EXPECT_THAT(message_after("_factor\": 0.5", "_factor\": 0.01"), HasSubstr("rotates 0 values"));
}

TEST(ModelConfig, UnknownModelsSayWhatIsKnown) {
  Error error = error_after("Qwen3_5MoeForCausalLM", "LlamaForCausalLM");
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.describe(),
              HasSubstr("config.json: 'architectures': nibble knows Qwen3_5MoeForConditionalGeneration and "
                        "Qwen3_5MoeForCausalLM, found \"LlamaForCausalLM\""));
  error = error_after("\"model_type\": \"qwen3_5_moe_text\"", "\"model_type\": \"mixtral\"");
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(error.describe(), HasSubstr("nibble knows qwen3_5_moe and qwen3_5_moe_text, found \"mixtral\""));
  EXPECT_THAT(message_after("[\"Qwen3_5MoeForCausalLM\"]", "[]"), HasSubstr("an array of one name"));
  EXPECT_THAT(message_after("[\"Qwen3_5MoeForCausalLM\"]", "\"Qwen\""), HasSubstr("an array of one name"));
}

TEST(ModelConfig, RefusesOtherComputations) {
  struct Case {
    std::string_view from, to, expected;
  };
  const Case cases[] = {
      {"\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"",
       "'hidden_act': nibble computes silu only, found \"gelu\""},
      {"\"attention_bias\": false", "\"attention_bias\": true", "'attention_bias'"},
      {"\"norm_topk_prob\": true", "\"norm_topk_prob\": false", "'norm_topk_prob'"},
      {"\"rope_scaling\": null", "\"output_gate_type\": \"sigmoid\"", "'output_gate_type'"},
      {"\"rope_scaling\": null", "\"mlp_only_layers\": [1]", "'mlp_only_layers'"},
      {"\"rope_scaling\": null", "\"decoder_sparse_step\": 2", "'decoder_sparse_step'"},
      {"\"rope_scaling\": null", R"("layer_types": ["linear_attention", "full_attention", "sliding_attention", "x"])",
       "layer 2: nibble knows linear_attention and full_attention, found \"sliding_attention\""},
  };
  for (const Case& one : cases) {
    Error error = error_after(one.from, one.to);
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.describe();
    EXPECT_THAT(error.describe(), HasSubstr(std::string(one.expected)));
  }
}

TEST(ModelConfig, RefusesMissingAndAbsurdValues) {
  struct Case {
    std::string_view from, to, expected;
  };
  const Case cases[] = {
      {"\"num_hidden_layers\": 4", "\"num_hidden_layers\": 1152921504606846976",
       "'num_hidden_layers': expected an integer from 1 to 4096, found 1152921504606846976"},
      {"\"num_hidden_layers\": 4", "\"num_hidden_layers\": 0", "'num_hidden_layers'"},
      {"\"num_hidden_layers\": 4", "\"num_hidden_layers\": 4.5", "found a number with a fraction"},
      {"\"num_hidden_layers\": 4,", "", "'num_hidden_layers': expected an integer from 1 to 4096, found nothing"},
      {"\"hidden_size\": 32", "\"hidden_size\": -32", "'hidden_size'"},
      {"\"hidden_size\": 32", "\"hidden_size\": 18446744073709551615", "'hidden_size'"},
      {"\"vocab_size\": 100", "\"vocab_size\": \"100\"", "'vocab_size': expected an integer"},
      {"\"num_attention_heads\": 4", "\"num_attention_heads\": 0", "'num_attention_heads'"},
      {"\"num_attention_heads\": 4", "\"num_attention_heads\": 5",
       "'num_attention_heads': expected a multiple of num_key_value_heads, which is 2, found 5"},
      {"\"num_key_value_heads\": 2", "\"num_key_value_heads\": 0", "'num_key_value_heads'"},
      {"\"linear_num_value_heads\": 4", "\"linear_num_value_heads\": 3", "a multiple of linear_num_key_heads"},
      {"\"num_experts_per_tok\": 2", "\"num_experts_per_tok\": 9",
       "'num_experts_per_tok': expected at most num_experts, which is 8, found 9"},
      {"1e-05", "0", "'rms_norm_eps': expected a number above 0"},
      {"1e-05", "-1e-6", "'rms_norm_eps'"},
      {"1e-05", "NaN", "not valid JSON"},
      {"1e-05", "1e999", "config.json"},
      {"\"full_attention_interval\": 2", "\"full_attention_interval\": 0", "'full_attention_interval'"},
      {"\"full_attention_interval\": 2", "\"layer_types\": [\"full_attention\"]",
       "'layer_types': expected an array of 4 names, one a layer, found 1"},
      {"\"full_attention_interval\": 2", "\"layer_types\": {}", "found an object"},
      {"\"eos_token_id\": 7", "\"eos_token_id\": 100", "'eos_token_id': expected token ids from 0 to 99, found 100"},
      {"\"eos_token_id\": 7", "\"eos_token_id\": [1, -1]", "found -1"},
      {"\"eos_token_id\": 7", "\"eos_token_id\": \"</s>\"", "found something else"},
      {"\"eos_token_id\": 7", "\"vision_config\": {\"depth\": 1}", "vision_config: 'hidden_size'"},
      {"\"eos_token_id\": 7", "\"text_config\": [1]", "'text_config': expected an object"},
      {"\"torch_dtype\": \"float16\"", "\"torch_dtype\": 16", "'torch_dtype': expected a string"},
      {"\"vocab_size\": 100,", "\"vocab_size\": 100, \"vocab_size\": 100,", "the key 'vocab_size' stands twice"},
  };
  for (const Case& one : cases) {
    EXPECT_THAT(message_after(one.from, one.to),
                AllOf(HasSubstr("config.json: "), HasSubstr(std::string(one.expected))))
        << one.to;
  }
  EXPECT_THAT(parse_model_config("[]", "").error().describe(), HasSubstr("config.json: expected an object"));
  EXPECT_THAT(parse_model_config("", "").error().describe(), HasSubstr("not valid JSON"));
}

TEST(ModelConfig, GenerationConfig) {
  auto generation = [](std::string_view text) { return parse_model_config(kFlat, text); };
  EXPECT_THAT(must(generation(R"({"eos_token_id": 3})")).generation.eos_token_ids, ElementsAre(3));
  EXPECT_THAT(must(generation(R"({"eos_token_id": [3, 4]})")).generation.eos_token_ids, ElementsAre(3, 4));
  // Nothing said: config.json's stands.
  EXPECT_THAT(must(generation(R"({"eos_token_id": null})")).generation.eos_token_ids, ElementsAre(7));
  EXPECT_THAT(
      must(parse_model_config(edited("\"eos_token_id\": 7", "\"eos_token_id\": null"), "")).generation.eos_token_ids,
      IsEmpty());
  struct Case {
    std::string_view text, expected;
  };
  const Case cases[] = {{R"({"eos_token_id": 100})", "'eos_token_id'"},
                        {R"({"temperature": -1})", "'temperature': expected a number from 0 to 100, found -1"},
                        {R"({"top_p": 0})", "'top_p': expected a number above 0"},
                        {R"({"top_p": 1.5})", "found 1.5"},
                        {R"({"top_k": -1})", "'top_k'"},
                        {R"({"do_sample": 1})", "'do_sample': expected true or false"},
                        {"7", "expected an object"},
                        {"{", "not valid JSON"}};
  for (const Case& one : cases) {
    auto config = generation(one.text);
    ASSERT_FALSE(config) << one.text;
    EXPECT_THAT(config.error().describe(),
                AllOf(HasSubstr("generation_config.json: "), HasSubstr(std::string(one.expected))));
  }
}

TEST(ModelConfig, FolderWithoutConfiguration) {
  testing::TemporaryFolder folder;
  auto config = read_model_config(folder.path());
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(config.error().describe(), HasSubstr("config.json"));
  must(write_file(folder / "config.json", kFlat));
  EXPECT_EQ(must(read_model_config(folder.path())).generation.top_k, 0);
  must(write_file(folder / "generation_config.json", ""));
  EXPECT_THAT(read_model_config(folder.path()).error().describe(), HasSubstr("generation_config.json"));
}

}  // namespace
}  // namespace nibble::checkpoint
