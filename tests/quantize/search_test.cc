// The scale search on the trained model: what it gains, and that it never loses.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include "numerics/e4m3.h"
#include "numerics/nvfp4.h"
#include "quantize/quantized_folder.h"
#include "quantize/rounding.h"
#include "support/test_files.h"

namespace nibble::quantize {
namespace {

using checkpoint::Checkpoint;
using nibble::testing::must;

constexpr std::size_t kBlock = numerics::kNvfp4Block;

double squared_error(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

struct Rounded {
  std::vector<std::byte> codes;
  std::vector<std::byte> block_scales;
  std::vector<float> values;  // decoded
};

Rounded round_all(std::span<const float> weights, float global_scale, const Nvfp4Options& options) {
  Rounded rounded;
  rounded.codes.resize(weights.size() / 2);
  rounded.block_scales.resize(weights.size() / kBlock);
  round_row_to_nvfp4(weights, global_scale, options, rounded.codes.data(), rounded.block_scales.data());
  numerics::MatrixView view;
  view.format = numerics::WeightFormat::kNvfp4;
  view.rows = 1;
  view.cols = static_cast<std::int64_t>(weights.size());
  view.data = rounded.codes.data();
  view.block_scales = rounded.block_scales.data();
  view.global_scale = global_scale;
  rounded.values = decoded(view);
  return rounded;
}

float amax_of(std::span<const float> values) {
  float amax = 0;
  for (const float value : values) amax = std::max(amax, std::fabs(value));
  return amax;
}

Nvfp4Options shipped_search() { return must(load_recipe("nvfp4-mse")).rules.back().nvfp4; }

class ScaleSearchOnTinyModel : public ::testing::Test {
 protected:
  static std::vector<Counterpart> tiny_matrices(const Checkpoint& tiny) { return nvfp4_matrices(tiny, tiny); }

  Checkpoint tiny_ = must(Checkpoint::open(tiny_model()));
};

TEST_F(ScaleSearchOnTinyModel, EveryTensorLosesAtMostFourFifthsOfMax) {
  const QuantizeSummary& summary = quantized_tiny("nvfp4-mse").summary;
  const Checkpoint by_max = must(Checkpoint::open(quantized_tiny("nvfp4-max").folder));
  const Checkpoint searched = must(Checkpoint::open(quantized_tiny("nvfp4-mse").folder));
  const auto max_matrices = nvfp4_matrices(tiny_, by_max);
  const auto mse_matrices = nvfp4_matrices(tiny_, searched);
  double total_error = 0;
  for (std::size_t i = 0; i < max_matrices.size(); ++i) {
    const std::vector<float> weights = decoded(max_matrices[i].original);
    const double max_error = squared_error(weights, decoded(max_matrices[i].quantized));
    const double mse_error = squared_error(weights, decoded(mse_matrices[i].quantized));
    EXPECT_LE(mse_error, 0.8 * max_error) << max_matrices[i].module;
    total_error += mse_error;
  }
  // The reported errors are those of the files.
  double reported_error = 0;
  for (const QuantizedTensor& tensor : summary.tensors) reported_error += tensor.squared_error;
  EXPECT_NEAR(reported_error / total_error, 1.0, 1e-9);
}

TEST_F(ScaleSearchOnTinyModel, WithHeadRoom448NoBlockIsWorseThanMax) {
  Nvfp4Options search = shipped_search();
  search.head_room = numerics::kE4m3Max;
  std::size_t better = 0;
  for (const Counterpart& matrix : tiny_matrices(tiny_)) {
    const std::vector<float> weights = decoded(matrix.original);
    const float global_scale = nvfp4_tensor_scale(amax_of(weights), search);
    const Rounded by_max = round_all(weights, global_scale, Nvfp4Options{});
    const Rounded searched = round_all(weights, global_scale, search);
    for (std::size_t begin = 0; begin < weights.size(); begin += kBlock) {
      const auto block = [&](const std::vector<float>& values) { return std::span(values).subspan(begin, kBlock); };
      const double max_error = squared_error(block(weights), block(by_max.values));
      const double search_error = squared_error(block(weights), block(searched.values));
      ASSERT_LE(search_error, max_error) << matrix.module << " block " << begin / kBlock;
      if (search_error < max_error) ++better;
    }
  }
  EXPECT_GT(better, 100'000U);
}

// Nine codes find nearly all that the whole range of 126 could give.
TEST_F(ScaleSearchOnTinyModel, TheWindowIsWideEnough) {
  const Nvfp4Options window = shipped_search();
  Nvfp4Options all_codes = window;
  all_codes.codes_below = all_codes.codes_above = numerics::kE4m3MaxCode;
  double window_error = 0;
  double full_error = 0;
  const auto matrices = tiny_matrices(tiny_);
  for (std::size_t i = 0; i < matrices.size(); i += 20) {
    const std::vector<float> weights = decoded(matrices[i].original);
    const float global_scale = nvfp4_tensor_scale(amax_of(weights), window);
    window_error += squared_error(weights, round_all(weights, global_scale, window).values);
    full_error += squared_error(weights, round_all(weights, global_scale, all_codes).values);
  }
  EXPECT_GE(window_error, full_error);
  EXPECT_LE(window_error, 1.0005 * full_error);
}

// Several scales are exact here: their errors tie at 0, and the code nearest to the max rule's wins.
TEST(ScaleSearch, TiesGoToTheCodeNearestToMax) {
  std::array<float, kBlock> block{};
  block[3] = 6.0F;
  const Nvfp4Options search{.rule = ScaleRule::kMseSweep, .head_room = 256, .codes_below = 20, .codes_above = 20};
  EXPECT_EQ(choose_block_scale(block, 1.0F, search), numerics::kE4m3OneCode);
  // Max's scale, 4 / 6 rounded to 0.6875, is not exact for 4. The scales 1, 2, 4 and 8 are; 1 is the nearest.
  block[3] = 4.0F;
  EXPECT_EQ(choose_block_scale(block, 1.0F, search), numerics::kE4m3OneCode);
}

TEST(ScaleSearch, StaysAmongPositiveFiniteScales) {
  std::array<float, kBlock> block{};
  block[0] = 1e-9F;
  const Nvfp4Options search{.rule = ScaleRule::kMseSweep, .head_room = 256, .codes_below = 126, .codes_above = 126};
  EXPECT_GE(choose_block_scale(block, 1.0F, search), 1);
  std::ranges::fill(block, 2688.0F);
  EXPECT_LE(choose_block_scale(block, 1.0F, search), numerics::kE4m3MaxCode);
  std::ranges::fill(block, 0.0F);
  EXPECT_EQ(choose_block_scale(block, 1.0F, search), numerics::kE4m3OneCode);
}

}  // namespace
}  // namespace nibble::quantize
