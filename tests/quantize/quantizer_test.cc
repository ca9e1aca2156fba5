// Whole folders: what stays, what bad input does, and that nothing is left behind.
#include "quantize/quantizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>

#include "base/file.h"
#include "base/interrupt.h"
#include "numerics/bf16.h"
#include "quantize/quantized_folder.h"
#include "support/checkpoint_builder.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

namespace fs = std::filesystem;
using checkpoint::Checkpoint;
using checkpoint::DType;
using checkpoint::PlannedTensor;
using checkpoint::SafetensorsWriter;
using checkpoint::TensorStore;
using nibble::testing::must;
using nibble::testing::TemporaryFolder;
using ::testing::HasSubstr;

Result<QuantizeSummary> quantize(const fs::path& input, const fs::path& output, std::string_view recipe,
                                 const QuantizeOptions& options = {}) {
  ThreadPool pool(2);
  return quantize_checkpoint(input, output, must(load_recipe(recipe)), options, pool);
}

std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(folder)) names.push_back(file.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// Writes folder/model.safetensors anew, with each tensor's bytes passed through change(name, bytes).
template <typename Change>
void rewrite_tensors(const fs::path& folder, const std::vector<PlannedTensor>& added, Change change) {
  const fs::path file = folder / "model.safetensors";
  std::vector<PlannedTensor> tensors = added;
  const TensorStore store = must(TensorStore::open_file(file));
  for (const auto& entry : store.entries()) tensors.push_back({std::string(entry.name), entry.dtype, entry.shape});
  TemporaryFolder beside;
  SafetensorsWriter writer = must(SafetensorsWriter::create(beside.path(), tensors));
  for (const PlannedTensor& tensor : tensors) {
    const auto* entry = store.find(tensor.name);
    std::vector<std::byte> bytes(4);
    if (entry != nullptr) bytes.assign(store.bytes(*entry).begin(), store.bytes(*entry).end());
    change(tensor.name, bytes);
    must(writer.write(tensor.name, bytes));
  }
  must(writer.finish());
  fs::copy_file(beside / "model.safetensors", file, fs::copy_options::overwrite_existing);
}

class QuantizerTest : public ::testing::Test {
 protected:
  QuantizerTest() {
    fs::create_directory(input_);
    testing::CheckpointSpec spec;
    spec.text = testing::small_text_config();
    testing::write_checkpoint(input_, spec);
  }

  // Fails with the message, and leaves nothing behind.
  void expect_refused(const Result<QuantizeSummary>& result, ErrorCode code, std::string_view message) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), code) << result.error().describe();
    EXPECT_THAT(result.error().describe(), HasSubstr(message));
    EXPECT_THAT(files_of(temporary_.path()), ::testing::ElementsAre("in"));
  }

  TemporaryFolder temporary_;
  fs::path input_ = temporary_ / "in";
  fs::path output_ = temporary_ / "out";
};

TEST_F(QuantizerTest, CopiesWhatBelongsToAModel) {
  for (const std::string_view name : {"tokenizer.json", "chat_template.jinja", "preprocessor_config.json", "LICENSE"}) {
    must(write_file(input_ / name, fmt::format("content of {}", name)));
  }
  must(write_file(input_ / "training.log", "not part of a model"));
  must(quantize(input_, output_, "nvfp4-max"));
  EXPECT_THAT(files_of(output_),
              ::testing::ElementsAre("LICENSE", "chat_template.jinja", "config.json", "generation_config.json",
                                     "hf_quant_config.json", "model.safetensors", "preprocessor_config.json",
                                     "tokenizer.json"));
  EXPECT_EQ(testing::must_read(output_ / "tokenizer.json"), "content of tokenizer.json");
  EXPECT_EQ(testing::must_read(output_ / "generation_config.json"),
            testing::must_read(input_ / "generation_config.json"));
}

TEST_F(QuantizerTest, ReportsWhatItWrote) {
  const QuantizeSummary summary = must(quantize(input_, output_, "nvfp4-max"));
  const TensorStore source = must(TensorStore::open(input_));
  const TensorStore written = must(TensorStore::open(output_));
  EXPECT_EQ(summary.input_bytes, source.total_bytes());
  EXPECT_EQ(summary.output_bytes, written.total_bytes());
  for (const QuantizedTensor& tensor : summary.tensors) {
    const auto* entry = source.find(tensor.name);
    ASSERT_NE(entry, nullptr) << tensor.name;
    EXPECT_EQ(tensor.elements, static_cast<std::uint64_t>(entry->shape.elements()));
    EXPECT_EQ(tensor.format, "nvfp4");
    EXPECT_GT(tensor.squared_error, 0);
    EXPECT_LT(tensor.squared_error, 0.02 * tensor.squared_magnitude) << tensor.name;
  }
}

TEST_F(QuantizerTest, ShardsAndTheIndexReadBackEqual) {
  QuantizeOptions options;
  options.max_shard_bytes = 20'000;
  must(quantize(input_, output_, "nvfp4-mse", options));
  must(quantize(input_, temporary_ / "whole", "nvfp4-mse"));
  EXPECT_TRUE(fs::exists(output_ / "model.safetensors.index.json"));
  const TensorStore sharded = must(TensorStore::open(output_));
  const TensorStore whole = must(TensorStore::open(temporary_ / "whole"));
  EXPECT_GT(sharded.shard_count(), 2U);
  ASSERT_EQ(sharded.entries().size(), whole.entries().size());
  for (const auto& entry : sharded.entries()) {
    EXPECT_TRUE(std::ranges::equal(sharded.bytes(entry), tensor_bytes(whole, entry.name))) << entry.name;
  }
}

TEST_F(QuantizerTest, OutputDoesNotDependOnTheNumberOfThreads) {
  QuantizeOptions options = golden_calibration();
  options.calibration_tokens.resize(40);
  options.calibration_sequence = 16;
  const auto run = [&](int threads) {
    ThreadPool pool(threads);
    return must(quantize_checkpoint(tiny_model(), temporary_ / fmt::format("threads-{}", threads),
                                    must(load_recipe("nvidia")), options, pool));
  };
  const QuantizeSummary expected = run(1);
  const fs::path expected_folder = temporary_ / "threads-1";
  for (const int threads : {2, 5}) {
    const QuantizeSummary summary = run(threads);
    const fs::path folder = temporary_ / fmt::format("threads-{}", threads);
    ASSERT_EQ(summary.tensors.size(), expected.tensors.size());
    for (std::size_t i = 0; i < summary.tensors.size(); ++i) {
      EXPECT_EQ(summary.tensors[i].name, expected.tensors[i].name);
      EXPECT_EQ(summary.tensors[i].squared_error, expected.tensors[i].squared_error);
    }
    ASSERT_EQ(files_of(folder), files_of(expected_folder));
    for (const std::string& file : files_of(folder)) {
      EXPECT_TRUE(testing::must_read(folder / file) == testing::must_read(expected_folder / file)) << file;
    }
  }
}

// Rounding starts from float32 values, whatever the file's format.
TEST_F(QuantizerTest, TakesFloat32Sources) {
  const fs::path wide = temporary_ / "wide";
  fs::copy(input_, wide);
  const TensorStore store = must(TensorStore::open(input_));
  std::vector<PlannedTensor> tensors;
  for (const auto& entry : store.entries()) {
    tensors.push_back({std::string(entry.name), entry.dtype == DType::kBF16 ? DType::kF32 : entry.dtype, entry.shape});
  }
  SafetensorsWriter writer = must(SafetensorsWriter::create(wide, tensors));
  for (const auto& entry : store.entries()) {
    const auto bytes = store.bytes(entry);
    if (entry.dtype != DType::kBF16) {
      must(writer.write(entry.name, bytes));
      continue;
    }
    std::vector<float> values(bytes.size() / 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, bytes.data() + 2 * i, sizeof bits);
      values[i] = numerics::bf16_to_float(bits);
    }
    must(writer.write(entry.name, std::as_bytes(std::span(values))));
  }
  must(writer.finish());
  must(quantize(input_, output_, "nvfp4-mse"));
  must(quantize(wide, temporary_ / "from_wide", "nvfp4-mse"));
  const TensorStore narrow = must(TensorStore::open(output_));
  const TensorStore from_wide = must(TensorStore::open(temporary_ / "from_wide"));
  std::size_t compared = 0;
  for (const auto& entry : narrow.entries()) {
    if (entry.dtype == DType::kBF16) continue;
    EXPECT_TRUE(std::ranges::equal(narrow.bytes(entry), tensor_bytes(from_wide, entry.name))) << entry.name;
    ++compared;
  }
  EXPECT_GT(compared, 50U);
}

// The official file has an input_scale beside every NVFP4 weight; what we and ModelOpt 0.47 write has none.
TEST_F(QuantizerTest, FoldersWithInputScalesOpenToo) {
  must(quantize(input_, output_, "nvfp4-max"));
  const checkpoint::TextConfig config = testing::small_text_config();
  const std::string expert = "model.language_model.layers.0.mlp.experts.0.";
  rewrite_tensors(output_,
                  {{"lm_head.input_scale", DType::kF32, {}},
                   {expert + "gate_proj.input_scale", DType::kF32, {}},
                   {expert + "up_proj.input_scale", DType::kF32, {}},
                   {expert + "down_proj.input_scale", DType::kF32, {}}},
                  [](const std::string& name, std::vector<std::byte>& bytes) {
                    const float scale = 0.125F;
                    if (name.ends_with("input_scale")) std::memcpy(bytes.data(), &scale, sizeof scale);
                  });
  const Checkpoint checkpoint = must(Checkpoint::open(output_));
  EXPECT_EQ(must(checkpoint.linear("lm_head", config.vocab_size, config.hidden_size)).input_scale, 0.125F);
  const std::string experts = "model.language_model.layers.0.mlp.experts";
  EXPECT_EQ(must(checkpoint.expert(experts, 0, config.expert_width, config.hidden_size)).down.input_scale, 0.125F);
  EXPECT_EQ(must(checkpoint.expert(experts, 1, config.expert_width, config.hidden_size)).down.input_scale, 0.0F);
}

TEST_F(QuantizerTest, RefusesAQuantizedInput) {
  must(quantize(input_, temporary_ / "first", "nvfp4-max"));
  const auto again = quantize(temporary_ / "first", output_, "nvfp4-max");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().describe(), HasSubstr("already quantized (W4A16_NVFP4); start from the BF16"));
  EXPECT_FALSE(fs::exists(output_));
}

TEST_F(QuantizerTest, RefusesToWriteOverOrIntoTheInput) {
  expect_refused(quantize(input_, input_, "nvfp4-max"), ErrorCode::kInvalidInput, "is the input");
  expect_refused(quantize(input_, input_ / "x" / ".." / "y", "nvfp4-max"), ErrorCode::kInvalidInput, "lies inside it");
  fs::create_directory_symlink(input_, temporary_ / "link");
  EXPECT_THAT(quantize(input_, temporary_ / "link" / "out", "nvfp4-max").error().describe(),
              HasSubstr("lies inside it"));
  EXPECT_TRUE(must(Checkpoint::open(input_)).tensors().contains("lm_head.weight"));
}

TEST_F(QuantizerTest, RefusesAnOutputThatExists) {
  fs::create_directory(output_);
  must(write_file(output_ / "precious", "mine"));
  const auto result = quantize(input_, output_, "nvfp4-max");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().describe(), HasSubstr("exists"));
  EXPECT_EQ(testing::must_read(output_ / "precious"), "mine");
}

TEST_F(QuantizerTest, RefusesAMissingInput) {
  EXPECT_EQ(quantize(temporary_ / "nowhere", output_, "nvfp4-max").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(output_));
}

TEST_F(QuantizerTest, RefusesARecipeThatMatchesNothing) {
  ThreadPool pool(1);
  const Recipe recipe = must(parse_recipe(
      "name = 'x'\ndescription = 'y'\n[[rule]]\nmodules = ['blk.*.ffn']\nformat = 'w4a16_nvfp4'\nscale = 'max'\n"));
  expect_refused(quantize_checkpoint(input_, output_, recipe, {}, pool), ErrorCode::kInvalidInput, "covers none");
}

TEST_F(QuantizerTest, RefusesNanAndInfiniteWeights) {
  const std::string tensor = "model.language_model.layers.1.mlp.experts.gate_up_proj";
  for (const std::uint16_t bits : {std::uint16_t{0x7FC1}, std::uint16_t{0xFF80}}) {
    rewrite_tensors(input_, {}, [&](const std::string& name, std::vector<std::byte>& bytes) {
      if (name == tensor) std::memcpy(bytes.data() + bytes.size() / 4 * 2, &bits, sizeof bits);
    });
    expect_refused(quantize(input_, output_, "nvfp4-max"), ErrorCode::kInvalidInput,
                   fmt::format("tensor '{}' has a NaN or infinite weight in row ", tensor));
  }
}

TEST_F(QuantizerTest, RefusesBadCalibration) {
  expect_refused(quantize(input_, output_, "nvidia"), ErrorCode::kInvalidInput, "there are no tokens");
  QuantizeOptions options;
  options.calibration_tokens = {1, 2, 1'000'000};
  expect_refused(quantize(input_, output_, "nvidia", options), ErrorCode::kInvalidInput, "calibration: ");
  options.calibration_tokens = {1, 2, 3};
  options.calibration_sequence = 0;
  expect_refused(quantize(input_, output_, "nvidia", options), ErrorCode::kInvalidInput, "expected at least 1");
}

TEST_F(QuantizerTest, RefusesFp8WhereCalibrationDoesNotReach) {
  ThreadPool pool(1);
  const Recipe recipe =
      must(parse_recipe("name = 'x'\ndescription = 'y'\n[[rule]]\nmodules = ['mtp.fc']\nformat = 'fp8'\n"));
  QuantizeOptions options;
  options.calibration_tokens = {1, 2, 3};
  expect_refused(quantize_checkpoint(input_, output_, recipe, options, pool), ErrorCode::kUnsupported,
                 "calibration never saw an input of 'mtp.fc'");
}

// A file size limit stands in for a full disk: write() fails in the middle.
TEST_F(QuantizerTest, AFailedWriteLeavesNothingBehind) {
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 30'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto result = quantize(input_, output_, "nvfp4-max");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  expect_refused(result, ErrorCode::kEnvironment, "cannot write");
}

TEST_F(QuantizerTest, CtrlCLeavesNothingBehind) {
  // In a process of its own: an interruption cannot be taken back.
  const auto interrupted_quantize = [&] {
    install_interrupt_handler();
    std::raise(SIGINT);
    const auto result = quantize(input_, output_, "nvfp4-mse");
    const bool clean = files_of(temporary_.path()) == std::vector<std::string>{"in"};
    fs::remove_all(temporary_.path());
    std::_Exit(!result && result.error().code() == ErrorCode::kInterrupted && clean ? 0 : 1);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(interrupted_quantize(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace nibble::quantize
