#include "checkpoint/written_ranges.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace nibble::checkpoint {
namespace {

// Against a plain array of flags, with random ranges that often touch or overlap.
TEST(WrittenRanges, AgreesWithOneFlagAByte) {
  constexpr std::uint64_t kSize = 40;
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    WrittenRanges ranges;
    std::vector<bool> flags(kSize, false);
    for (int step = 0; step < 60; ++step) {
      std::uint64_t begin = random() % kSize;
      std::uint64_t end = begin + random() % (std::min<std::uint64_t>(kSize - begin, 6) + 1);
      bool free = true;
      for (std::uint64_t i = begin; i < end; ++i) free = free && !flags[i];
      ASSERT_EQ(ranges.add(begin, end), free) << begin << " " << end;
      std::uint64_t total = 0;
      std::uint64_t gap = kSize;
      for (std::uint64_t i = 0; i < kSize; ++i) {
        if (free && i >= begin && i < end) flags[i] = true;
        total += flags[i] ? 1 : 0;
        if (!flags[i] && gap == kSize) gap = i;
      }
      ASSERT_EQ(ranges.total(), total);
      ASSERT_EQ(ranges.first_gap(), gap);
    }
  }
}

}  // namespace
}  // namespace nibble::checkpoint
