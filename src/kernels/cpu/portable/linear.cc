#include <vector>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/weight_panel.h"

namespace nibble::kernels::portable {
namespace {

// Tokens are cut too where the weight alone has too few rows to occupy the threads, at the price of decoding it once a
// block.
std::int64_t tokens_per_block(const LinearArgs& args, const ThreadPool& pool) {
  constexpr std::int64_t kSmallBlock = 64;
  constexpr std::int64_t kPanelsAThread = 4;
  const bool enough_panels = WeightPanel::count(args.weight.rows) >= kPanelsAThread * pool.size();
  return enough_panels ? args.tokens : std::min(args.tokens, kSmallBlock);
}

}  // namespace

void linear(const LinearArgs& args, ThreadPool& pool) noexcept {
  if (args.tokens == 0) return;
  const std::int64_t rows = args.weight.rows, cols = args.weight.cols;
  std::vector<const float*> inputs(static_cast<std::size_t>(args.tokens));
  for (std::int64_t t = 0; t < args.tokens; ++t) inputs[static_cast<std::size_t>(t)] = args.input + t * cols;

  const std::int64_t block = tokens_per_block(args, pool);
  const std::int64_t blocks = (args.tokens + block - 1) / block;
  const std::int64_t cost = WeightPanel::kRows * cols * (block + WeightPanel::kDecodeCost);
  pool.parallel_for(WeightPanel::count(rows) * blocks, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    WeightPanel panel(cols);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first_token = item % blocks * block;
      if (item == begin || first_token == 0) panel.load(args.weight, item / blocks);
      panel.multiply(inputs.data() + first_token, std::min(block, args.tokens - first_token),
                     args.output + first_token * rows + panel.first_row(), rows);
    }
  });
}

}  // namespace nibble::kernels::portable
