// Limits are what they say: positive, of this machine, and not above what physics allows.
#include "kernels/machine_limits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/test_files.h"

namespace nibble::kernels {
namespace {

using testing::must;

TEST(MachineLimits, MemoryIsReadAtAPlausibleRate) {
  ThreadPool pool(2);
  const HugePages pages = must(HugePages::allocate((std::size_t{8} << 20) + 4096, pool));
  EXPECT_EQ(pages.bytes().size(), (std::size_t{8} << 20) + 4096);
  EXPECT_TRUE(std::ranges::all_of(pages.bytes(), [](std::byte byte) { return byte != std::byte{0}; }));
  const double rate = measure_read_bandwidth(pages.bytes(), pool);
  EXPECT_GT(rate, 1e7);
  EXPECT_LT(rate, 1e14);
}

TEST(MachineLimits, TooMuchMemoryIsAnErrorNotACrash) {
  ThreadPool pool(1);
  const auto refused = HugePages::allocate(std::size_t{1} << 60, pool);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kEnvironment);
}

TEST(MachineLimits, EveryMachineHasAPortablePeak) {
  ThreadPool pool(1);
  const auto peaks = measure_matrix_peaks(pool, 1e-3);
  ASSERT_FALSE(peaks.empty());
  EXPECT_EQ(peaks.front().isa, "portable");
  EXPECT_GT(peaks.front().flops_per_second, 1e7);
  for (const MatrixPeak& peak : peaks) {
    EXPECT_TRUE(peak.flops_per_second == 0 || peak.flops_per_second > 1e7) << peak.isa;
    EXPECT_LT(peak.flops_per_second, 1e15) << peak.isa;
  }
}

}  // namespace
}  // namespace nibble::kernels
