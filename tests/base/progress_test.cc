#include "base/progress.h"

#include <gtest/gtest.h>

namespace nibble {
namespace {

TEST(Progress, AmountsHaveThreeDigits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(24'401'464), "24.4 MB");
  EXPECT_EQ(format_bytes(999'600), "1.00 MB");
  EXPECT_EQ(format_bytes(23'460'000'000), "23.5 GB");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1.00 k");
  EXPECT_EQ(format_count(34'660'000'000), "34.7 B");
}

}  // namespace
}  // namespace nibble
