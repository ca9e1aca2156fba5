// The profile counts operations while it runs, and only then.
#include "kernels/profiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/linear.h"

namespace nibble::kernels {
namespace {

void add_once(ThreadPool& pool) {
  std::vector<float> a(8, 1.0F), b(8, 2.0F);
  add({.inout = a.data(), .addend = b.data(), .count = 8}, pool);
}

void multiply_once(ThreadPool& pool) {
  const std::vector<float> weight(64 * 64, 0.5F), input(64, 1.0F);
  std::vector<float> output(64);
  const numerics::MatrixView matrix{.format = numerics::WeightFormat::kF32,
                                    .rows = 64,
                                    .cols = 64,
                                    .data = reinterpret_cast<const std::byte*>(weight.data())};
  linear({.weight = matrix, .input = input.data(), .output = output.data(), .tokens = 1}, pool);
}

TEST(Profiler, CountsCallsByOperationWhileItRuns) {
  ThreadPool pool(2);
  add_once(pool);
  start_profile();
  for (int i = 0; i < 3; ++i) add_once(pool);
  multiply_once(pool);
  const auto rows = stop_profile();
  add_once(pool);

  ASSERT_EQ(rows.size(), 2U);
  EXPECT_GE(rows[0].seconds, rows[1].seconds);
  for (const ProfileRow& row : rows) {
    EXPECT_GT(row.seconds, 0);
    EXPECT_EQ(row.calls, row.operation == "add" ? 3U : 1U);
    EXPECT_TRUE(row.operation == "add" || row.operation == "linear f32") << row.operation;
  }
  EXPECT_TRUE(stop_profile().empty());
}

TEST(Profiler, BeginsFromZero) {
  ThreadPool pool(1);
  start_profile();
  add_once(pool);
  start_profile();
  EXPECT_TRUE(stop_profile().empty());
}

}  // namespace
}  // namespace nibble::kernels
