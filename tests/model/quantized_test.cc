// The three recipes end to end: quantized here, run here, compared with transformers holding the dequantized weights
// (tools/golden/model_quantized.py).
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "model/golden.h"
#include "quantize/quantizer.h"
#include "support/test_files.h"

namespace nibble {
namespace {

using testing::expect_all_prompts;
using testing::expect_golden_greedy;
using testing::expect_golden_logits;
using testing::Golden;
using testing::must;
using testing::TestModel;

// FNV-1a over names and bytes of the text model's tensors, without activation scales: as the golden script does.
std::uint64_t digest(const checkpoint::TensorStore& tensors) {
  std::uint64_t value = 0xCBF29CE484222325U;
  const auto take = [&](std::byte byte) { value = (value ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3U; };
  for (const auto& entry : tensors.entries()) {
    const std::string_view name = entry.name;
    if (name.starts_with("mtp.") || name.starts_with("model.visual.") || name.ends_with(".input_scale")) continue;
    for (const std::byte byte : std::as_bytes(std::span(name))) take(byte);
    for (const std::byte byte : tensors.bytes(entry)) take(byte);
  }
  return value;
}

void expect_recipe(const std::string& name) {
  const testing::TemporaryFolder folder;
  const auto output = folder / name;
  ThreadPool pool(2);
  quantize::QuantizeOptions options;
  // Calibration decides input scales alone, which weight-only execution ignores.
  options.calibration_tokens = Golden("tiny").ints("prompt300.ids");
  must(quantize::quantize_checkpoint(testing::tiny_folder(), output, must(quantize::load_recipe(name)), options, pool));

  const Golden golden(name);
  ASSERT_EQ(digest(must(checkpoint::TensorStore::open(output))), golden.digest())
      << "the quantizer writes other weights than those the golden belongs to: if that is intended, run "
         "tools/golden/model_quantized.py on its output";
  const TestModel model(output);
  expect_all_prompts(golden, model);
  expect_golden_greedy(golden, "greedy_prompt64", model);
  const auto ids = golden.ints("prompt300.ids");
  const std::vector<std::size_t> pieces = {2, 100, 1, 1, 130};
  const auto state = model.state(300);
  expect_golden_logits(golden, "prompt300", model.run_in_pieces(ids, pieces, *state), model.vocab());
}

TEST(Quantized, Nvfp4MaxAgreesWithTransformers) { expect_recipe("nvfp4-max"); }
TEST(Quantized, Nvfp4MseAgreesWithTransformers) { expect_recipe("nvfp4-mse"); }
TEST(Quantized, NvidiaAgreesWithTransformers) { expect_recipe("nvidia"); }

}  // namespace
}  // namespace nibble
