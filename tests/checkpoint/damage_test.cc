// A good folder, damaged in many ways: each must end in one message that names file, tensor, expectation and finding.
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <limits>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::checkpoint {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::TemporaryFolder;
using ::testing::HasSubstr;

using Folder = std::filesystem::path;
using Damage = std::function<void(const Folder&)>;

const std::string kSingle = "model.safetensors";
const std::string kShard = "model-00002-of-00003.safetensors";
const std::string kIndex = "model.safetensors.index.json";

// Reads everything that a text model reads, as the model room does.
Status bind_all(const Checkpoint& checkpoint) {
  const TextConfig& text = checkpoint.config().text;
  const std::string& prefix = checkpoint.text_prefix();
  auto linear = [&](const std::string& module, std::int64_t rows, std::int64_t cols) -> Status {
    RETURN_IF_ERROR(checkpoint.linear(module, rows, cols));
    return {};
  };
  auto floats = [&](const std::string& name, const Shape& shape) -> Status {
    RETURN_IF_ERROR(checkpoint.floats(name, shape));
    return {};
  };
  RETURN_IF_ERROR(linear(prefix + "embed_tokens", text.vocab_size, text.hidden_size));
  RETURN_IF_ERROR(linear("lm_head", text.vocab_size, text.hidden_size));
  RETURN_IF_ERROR(floats(prefix + "norm.weight", {text.hidden_size}));
  for (std::size_t i = 0; i < text.layer_types.size(); ++i) {
    const std::string layer = prefix + "layers." + std::to_string(i) + ".";
    RETURN_IF_ERROR(floats(layer + "input_layernorm.weight", {text.hidden_size}));
    RETURN_IF_ERROR(linear(layer + "mlp.gate", text.experts, text.hidden_size));
    RETURN_IF_ERROR(linear(layer + "mlp.shared_expert.up_proj", text.shared_expert_width, text.hidden_size));
    for (std::int64_t expert = 0; expert < text.experts; ++expert) {
      RETURN_IF_ERROR(checkpoint.expert(layer + "mlp.experts", expert, text.expert_width, text.hidden_size));
    }
    if (text.layer_types[i] == LayerType::kFullAttention) {
      RETURN_IF_ERROR(linear(layer + "self_attn.k_proj", text.kv_heads * text.head_dim, text.hidden_size));
    } else {
      RETURN_IF_ERROR(floats(layer + "linear_attn.A_log", {text.linear_value_heads}));
      RETURN_IF_ERROR(linear(layer + "linear_attn.in_proj_qkv", text.conv_channels(), text.hidden_size));
    }
  }
  return {};
}

Status open_and_bind(const Folder& folder) {
  ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(folder));
  return bind_all(checkpoint);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "the damage does not apply: " << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

Damage edit(const std::string& file, const std::string& from, const std::string& to) {
  return [=](const Folder& folder) { must(write_file(folder / file, replaced(must_read(folder / file), from, to))); };
}

Damage then(Damage first, Damage second) {
  return [=](const Folder& folder) {
    first(folder);
    second(folder);
  };
}

Damage write(const std::string& file, const std::string& text) {
  return [=](const Folder& folder) { must(write_file(folder / file, text)); };
}

Damage remove(const std::string& file) {
  return [=](const Folder& folder) { std::filesystem::remove(folder / file); };
}

Damage resize(const std::string& file, std::int64_t change) {
  return [=](const Folder& folder) {
    auto size = static_cast<std::int64_t>(std::filesystem::file_size(folder / file));
    std::filesystem::resize_file(folder / file, static_cast<std::uintmax_t>(size + change));
  };
}

std::string little_endian_u64(std::uint64_t value) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  return bytes;
}

Damage header_length(const std::string& file, std::uint64_t length) {
  return [=](const Folder& folder) {
    must(write_file(folder / file, must_read(folder / file).replace(0, 8, little_endian_u64(length))));
  };
}

// Edits a shard's JSON and writes the length that fits.
Damage edit_header(const std::string& file, const std::string& from, const std::string& to) {
  return [=](const Folder& folder) {
    std::string text = must_read(folder / file);
    std::uint64_t length = 0;
    std::memcpy(&length, text.data(), 8);
    std::string header = replaced(text.substr(8, length), from, to);
    must(write_file(folder / file, little_endian_u64(header.size()) + header + text.substr(8 + length)));
  };
}

// Overwrites some of a tensor's data.
Damage patch(const std::string& tensor, std::uint64_t byte_offset, std::string bytes) {
  return [=](const Folder& folder) {
    std::uint64_t at = 0;
    {
      TensorStore store = must(TensorStore::open(folder));
      at = store.find(tensor)->offset + byte_offset;
    }
    std::fstream file(folder / kSingle, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
    ASSERT_TRUE(file.good());
  };
}

Damage patch_float(const std::string& tensor, float value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return patch(tensor, 0, bytes);
}

Damage both_configs(const std::string& from, const std::string& to) {
  return then(edit("config.json", from, to), edit("hf_quant_config.json", from, to));
}

struct Case {
  std::string_view name;
  Damage damage;
  std::vector<std::string> expected;  // each must be in the message
  bool sharded = false;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::string_view kGate = "model.language_model.layers.1.mlp.experts.4.gate_proj";

std::string gate(std::string_view part) { return std::string(kGate) + "." + std::string(part); }

std::vector<Case> configuration_cases() {
  return {
      {"NoConfig", remove("config.json"), {"config.json", "No such file"}},
      {"EmptyConfig", write("config.json", ""), {"config.json", "not valid JSON"}},
      {"TruncatedConfig", resize("config.json", -2), {"config.json", "not valid JSON: incomplete"}},
      {"UnknownArchitecture",
       edit("config.json", "Qwen3_5MoeForConditionalGeneration", "MixtralForCausalLM"),
       {"config.json", "nibble knows Qwen3_5Moe", "\"MixtralForCausalLM\""}},
      {"AbsurdLayers",
       edit("config.json", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 1152921504606846976"),
       {"config.json", "from 1 to 4096, found 1152921504606846976"}},
      {"OtherHiddenSize",
       edit("config.json", "\"hidden_size\": 64", "\"hidden_size\": 128"),
       {"model.safetensors: tensor \"model.language_model.embed_tokens.weight\"", "expected BF16 [80, 128]",
        "found BF16 [80, 64]", "belong to this config.json"}},
      {"OtherVocabulary",
       then(edit("config.json", "\"vocab_size\": 80", "\"vocab_size\": 96"), remove("generation_config.json")),
       {"embed_tokens.weight\": expected BF16 [96, 64], found BF16 [80, 64]"}},
      {"MoreExperts",
       edit("config.json", "\"num_experts\": 6", "\"num_experts\": 7"),
       {"layers.0.mlp.gate.weight\": expected BF16 [7, 64], found BF16 [6, 64]"}},
      {"MoreLayers",
       then(edit("config.json", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5"),
            edit("config.json", "\"full_attention\"", "\"full_attention\", \"full_attention\"")),
       {"there is no tensor \"model.language_model.layers.4.input_layernorm.weight\"; expected BF16 or F16 or F32 "
        "[64]"}},
      {"EosOutsideTheVocabulary",
       write("generation_config.json", "{\"eos_token_id\": 80}"),
       {"generation_config.json", "from 0 to 79, found 80"}},
      {"QuantizationForgotten",
       then(edit("config.json", "quantization_config", "forgotten"), remove("hf_quant_config.json")),
       {"module \"lm_head\"", "the tensors are nvfp4", "neither config.json nor hf_quant_config.json declares"}},
      {"AnotherAlgorithm",
       both_configs("\"W4A16_NVFP4\"", "\"FP8\""),
       {"module \"model.language_model.layers.0.mlp.experts.0.gate_proj\"", "are nvfp4", "declares it FP8"}},
      {"ExcludedButQuantized",
       both_configs("\"mtp*\"", "\"*k_proj\""),
       {"layers.3.self_attn.k_proj\"", "are fp8", "declares it unquantized"}},
      {"ListedButPlain",
       both_configs("mlp.shared_expert.gate_proj", "mlp.gate"),
       {"module \"model.language_model.layers.0.mlp.gate\"", "are bf16", "declares it W4A16_NVFP4"}},
      {"UnknownAlgorithm",
       edit("hf_quant_config.json", "\"FP8\"\n            }", "\"W4A8_AWQ\"\n            }"),
       {"hf_quant_config.json", "in_proj_qkv", "cannot compute with \"W4A8_AWQ\""}},
      {"AnotherMethod",
       edit("config.json", "\"modelopt\"", "\"compressed-tensors\""),
       {"config.json", "quantized by \"compressed-tensors\", which nibble cannot read"}},
      {"FilesDisagree",
       edit("hf_quant_config.json", "\"W4A16_NVFP4\"", "\"NVFP4\""),
       {"hf_quant_config.json", "different quantized_layers; make them agree"}},
  };
}

std::vector<Case> file_cases() {
  return {
      {"NoWeights", remove(kSingle), {"has neither model.safetensors nor model.safetensors.index.json"}},
      {"EmptyWeights", write(kSingle, ""), {"model.safetensors", "0 bytes", "download it again"}},
      {"TruncatedWeights", resize(kSingle, -1), {"model.safetensors", "lie outside the file", "truncated"}},
      {"BytesAfterTheEnd", resize(kSingle, 3), {"model.safetensors", "3 bytes after the last tensor"}},
      {"HugeHeader", header_length(kSingle, std::uint64_t{1} << 62), {"model.safetensors", "4611686018427387904"}},
      {"HeaderBeyondTheFile", header_length(kSingle, 90'000'000), {"claims 90000000 bytes but the file has only"}},
      {"HeaderTooShort", header_length(kSingle, 100), {"header: not valid JSON: incomplete"}},
      {"UnknownDtype",
       edit_header(kSingle, "\"F8_E4M3\"", "\"F8_E4M9\""),
       {"tensor \"model.language_model.layers.0.linear_attn.in_proj_qkv.weight\"", "no element type \"F8_E4M9\""}},
      {"ShapeAgainstSize",
       edit_header(kSingle, "\"shape\": [80, 64]", "\"shape\": [80, 65]"),
       {"embed_tokens.weight\"", "BF16 [80, 65] has 10400 bytes, but data_offsets [0, 10240] hold 10240"}},
      {"AbsurdShape",
       edit_header(kSingle, "\"shape\": [80, 64]", "\"shape\": [4294967296, 4294967296]"),
       {"embed_tokens.weight\"", "exceeds 2^63"}},
      {"Overlap",
       edit_header(kSingle, "[10240, 10368]", "[10238, 10366]"),
       {"embed_tokens.weight\" and \"model.language_model.layers.0.input_layernorm.weight\" overlap", "byte 10238"}},
      {"Hole",
       edit_header(kSingle, "[10240, 10368]", "[10242, 10370]"),
       {"2 bytes before tensor \"model.language_model.layers.0.input_layernorm.weight\""}},
      {"DuplicateName",
       edit_header(kSingle, "layers.1.input_layernorm", "layers.0.input_layernorm"),
       {"the key 'model.language_model.layers.0.input_layernorm.weight' stands twice"}},
      {"NoShard", remove(kShard), {kShard, "1 of the 3 shards", "download"}, true},
      {"TruncatedShard", resize(kShard, -100), {kShard, "lie outside the file"}, true},
      {"NoIndex", remove(kIndex), {"has neither", "the index is missing"}, true},
      {"BrokenIndex", resize(kIndex, -10), {kIndex, "not valid JSON"}, true},
      {"IndexPointsOutside",
       edit(kIndex, "\"model-00001-of-00003.safetensors\"", "\"../../etc/passwd\""),
       {kIndex, "the same folder", "\"../../etc/passwd\""},
       true},
      {"IndexListsTooMuch",
       edit(kIndex, "\"lm_head.input_scale\":",
            "\"lm_head.bias\": \"model-00001-of-00003.safetensors\", \"lm_head.input_scale\":"),
       {kIndex, "lists tensor \"lm_head.bias\" in model-00001-of-00003.safetensors", "another revision"},
       true},
      {"ShardOfAnotherRevision",
       edit_header(kShard, "input_scale", "input_scalf"),
       {kIndex, "input_scal", "another revision"},
       true},
  };
}

std::vector<Case> tensor_cases() {
  const std::string scales = gate("weight_scale");
  return {
      {"NaNBlockScale",
       patch("lm_head.weight_scale", 4 * 5 + 2, "\x7F"),
       {"tensor \"lm_head.weight_scale\": the block scale at [5, 2] is 0x7F, which is NaN"}},
      {"NegativeNaNBlockScale", patch("lm_head.weight_scale", 0, "\xFF"), {"at [0, 0] is 0xFF, which is NaN"}},
      {"NegativeBlockScale", patch("lm_head.weight_scale", 319, "\xB8"), {"at [79, 3] is 0xB8, which is negative"}},
      {"NaNGlobalScale",
       patch_float("lm_head.weight_scale_2", kNaN),
       {"tensor \"lm_head.weight_scale_2\": expected a finite scale above 0, found nan"}},
      {"ZeroGlobalScale", patch_float("lm_head.weight_scale_2", 0), {"weight_scale_2\"", "found 0"}},
      {"NegativeGlobalScale", patch_float("lm_head.weight_scale_2", -1), {"weight_scale_2\"", "found -1"}},
      {"InfiniteGlobalScale", patch_float("lm_head.weight_scale_2", kInfinity), {"weight_scale_2\"", "found inf"}},
      {"NaNInputScale", patch_float("lm_head.input_scale", kNaN), {"lm_head.input_scale\"", "found nan"}},
      {"ZeroFp8Scale",
       patch_float("model.language_model.layers.3.self_attn.k_proj.weight_scale", 0),
       {"layers.3.self_attn.k_proj.weight_scale\": expected a finite scale above 0, found 0"}},
      {"NaNFp8InputScale",
       patch_float("model.language_model.layers.3.self_attn.k_proj.input_scale", kNaN),
       {"layers.3.self_attn.k_proj.input_scale\"", "found nan"}},
      {"InfiniteNorm",
       patch("model.language_model.norm.weight", 2, "\x80\x7F"),
       {"tensor \"model.language_model.norm.weight\": element 1 is inf"}},
      {"NaNInALog",
       patch("model.language_model.layers.1.linear_attn.A_log", 6, "\xC0\x7F"),
       {"layers.1.linear_attn.A_log\": element 3 is nan"}},
      {"MissingExpert",
       [](const Folder& folder) {
         for (auto name : {"gate_proj", "up_proj", "down_proj"}) {
           for (auto part : {"weight\"", "weight_scale\"", "weight_scale_2\"", "input_scale\""}) {
             std::string from = std::string("layers.1.mlp.experts.4.") + name + "." + part;
             std::string to = from;
             edit_header(kSingle, from, to.replace(to.find("experts.4"), 9, "experts.9"))(folder);
           }
         }
       },
       {"expert 4 of 6 is missing", "\"model.language_model.layers.1.mlp.experts.4.gate_proj.weight\"",
        "is the download complete"}},
      {"MissingWeight", edit_header(kSingle, gate("weight\""), "elsewhere\""), {"no tensor \"" + gate("weight\"")}},
      {"MissingBlockScales",
       edit_header(kSingle, scales + "\"", "elsewhere\""),
       {gate("weight\""), "needs a 'weight_scale'"}},
      {"MissingGlobalScale",
       edit_header(kSingle, gate("weight_scale_2"), "elsewhere"),
       {gate("weight\""), "U8 [32, 32] needs a 'weight_scale_2' beside it, found nothing"}},
      {"ForeignScale",
       edit_header(kSingle, scales + "\"", scales + "_inv\""),
       {gate("weight_scale_inv\""), "nibble knows no \"weight_scale_inv\""}},
      {"AwqScale",
       edit_header(kSingle, gate("input_scale"), gate("pre_quant_scale")),
       {gate("pre_quant_scale\""), "another quantization format"}},
      {"Bias",
       edit_header(kSingle, "layers.0.mlp.shared_expert_gate.weight", "layers.0.mlp.gate.bias"),
       {"layers.0.mlp.gate.bias\"", "knows no \"bias\" of a linear layer"}},
      {"NoEmbedding",
       edit_header(kSingle, "embed_tokens", "embeddings"),
       {"neither \"model.language_model.embed_tokens.weight\" nor \"model.embed_tokens.weight\""}},
      {"BlockScalesOfAnotherType",
       edit_header(kSingle, scales + "\": {\"dtype\": \"F8_E4M3\"", scales + "\": {\"dtype\": \"U8\""),
       {scales + "\": expected F8_E4M3 [32, 4], found U8 [32, 4]"}},
      {"BlockScalesOfAnotherShape",
       edit_header(kSingle, scales + "\": {\"dtype\": \"F8_E4M3\", \"shape\": [32, 4]",
                   scales + "\": {\"dtype\": \"F8_E4M3\", \"shape\": [4, 32]"),
       {scales + "\": expected F8_E4M3 [32, 4], found F8_E4M3 [4, 32]"}},
      {"WeightOfAnotherType",
       edit_header(kSingle, gate("weight\": {\"dtype\": \"U8\""), gate("weight\": {\"dtype\": \"I8\"")),
       {gate("weight\""), "nibble computes with weights of", "found I8 [32, 32]"}},
      {"Fp8WithBlockScales",
       edit_header(kSingle, gate("weight\": {\"dtype\": \"U8\""), gate("weight\": {\"dtype\": \"F8_E4M3\"")),
       {gate("weight\": expected F8_E4M3 [32, 64], found F8_E4M3 [32, 32]")}},
      {"PlainWithScales",
       edit_header(kSingle, "self_attn.k_proj.weight\": {\"dtype\": \"F8_E4M3\", \"shape\": [48, 64]",
                   "self_attn.k_proj.weight\": {\"dtype\": \"BF16\", \"shape\": [24, 64]"),
       {"k_proj.weight\": expected BF16 [48, 64], found BF16 [24, 64]"}},
      {"ScalarThatIsNone",
       edit_header(kSingle, "lm_head.weight_scale_2\": {\"dtype\": \"F32\", \"shape\": []",
                   "lm_head.weight_scale_2\": {\"dtype\": \"BF16\", \"shape\": [2]"),
       {"lm_head.weight_scale_2\": expected a single F32 number, found BF16 [2]"}},
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = configuration_cases();
  for (auto more : {file_cases(), tensor_cases()}) cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

class DamagedFolder : public ::testing::TestWithParam<Case> {
 protected:
  // Written once, as one file or as three shards; every case damages a copy.
  static const Folder& good_folder(bool sharded) {
    static const TemporaryFolder folders[2];
    static const bool written = [] {
      testing::CheckpointSpec spec{.text = testing::small_text_config(), .format = testing::BuiltFormat::kMixedNvfp4};
      testing::write_checkpoint(folders[0].path(), spec);
      spec.max_shard_bytes = 160'000;
      testing::write_checkpoint(folders[1].path(), spec);
      return true;
    }();
    EXPECT_TRUE(written);
    return folders[sharded ? 1 : 0].path();
  }
};

TEST_P(DamagedFolder, IsRefusedWithOneClearMessage) {
  const Case& one = GetParam();
  TemporaryFolder folder;
  std::filesystem::copy(good_folder(one.sharded), folder.path());
  Status good = open_and_bind(folder.path());
  ASSERT_TRUE(good) << good.error().describe();
  one.damage(folder.path());
  Status damaged = open_and_bind(folder.path());
  ASSERT_FALSE(damaged);
  for (const std::string& part : one.expected) EXPECT_THAT(damaged.error().describe(), HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(Damages, DamagedFolder, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace nibble::checkpoint
