#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <vector>

namespace nibble {
namespace {

TEST(ThreadPool, CoversEveryIndexOnceForAnySize) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (std::int64_t count : {0, 1, 7, 64, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      pool.parallel_for(count, 7, [&](std::int64_t begin, std::int64_t end) {
        EXPECT_LE(end - begin, 7);
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const auto& visit : visits) EXPECT_EQ(visit.load(), 1);
    }
  }
}

TEST(ThreadPool, ManyRoundsInARow) {
  ThreadPool pool(4);
  std::atomic<std::int64_t> sum{0};
  for (int round = 0; round < 2000; ++round) {
    pool.parallel_for(16, 1, [&](std::int64_t begin, std::int64_t) { sum += begin; });
  }
  EXPECT_EQ(sum.load(), 2000 * 120);
}

TEST(ThreadPool, FindsAtLeastOneProcessor) { EXPECT_GE(available_processors(), 1); }

}  // namespace
}  // namespace nibble
