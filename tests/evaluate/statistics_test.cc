#include "evaluate/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace nibble::evaluate {
namespace {

TEST(Statistics, MeanWithItsStandardError) {
  std::vector<double> values = {1, 2, 3, 6};  // mean 3, mean squared deviation 14 / 4
  Estimate estimate = mean(values);
  EXPECT_DOUBLE_EQ(estimate.value, 3);
  EXPECT_DOUBLE_EQ(estimate.standard_error, std::sqrt(3.5 / 3));
}

TEST(Statistics, ASmallSpreadOfLargeValuesIsNotLost) {
  // The squares of these differ beyond the digits of a double: a sum of squares would find no spread, or a wild one.
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(1e8 + (i % 2 == 0 ? 1 : -1));
  EXPECT_NEAR(mean(values).standard_error, 1 / std::sqrt(999), 1e-9);
}

TEST(Statistics, ExpOfMeanAndRootMeanSquareCarryTheErrorOver) {
  std::vector<double> values = {1, 2, 3, 6};
  EXPECT_DOUBLE_EQ(exp_of_mean(values).value, std::exp(3.0));
  EXPECT_DOUBLE_EQ(exp_of_mean(values).standard_error, std::exp(3.0) * std::sqrt(3.5 / 3));

  std::vector<double> signs = {-1, 3};  // squares 1 and 9: mean 5, error 4
  EXPECT_DOUBLE_EQ(root_mean_square(signs).value, std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(root_mean_square(signs).standard_error, 4 / (2 * std::sqrt(5.0)));
  EXPECT_EQ(root_mean_square(std::vector<double>{0, 0}).standard_error, 0);
}

TEST(Statistics, Fraction) {
  Estimate estimate = fraction(1, 5);
  EXPECT_DOUBLE_EQ(estimate.value, 0.2);
  EXPECT_DOUBLE_EQ(estimate.standard_error, 0.2);
}

TEST(Statistics, Correlation) {
  std::vector<double> a = {1, 2, 3};
  EXPECT_DOUBLE_EQ(correlation(a, std::vector<double>{-2, -4, -6}), -1);
  EXPECT_DOUBLE_EQ(correlation(a, std::vector<double>{1, 3, 2}), 0.5);
  EXPECT_TRUE(std::isnan(correlation(a, std::vector<double>{4, 4, 4})));
}

TEST(Statistics, PercentileInterpolates) {
  std::vector<double> sorted = {0, 10, 20, 100};
  EXPECT_DOUBLE_EQ(percentile(sorted, 0), 0);
  EXPECT_DOUBLE_EQ(percentile(sorted, 0.5), 15);
  EXPECT_DOUBLE_EQ(percentile(sorted, 0.9), 76);
  EXPECT_DOUBLE_EQ(percentile(sorted, 1), 100);
  EXPECT_DOUBLE_EQ(percentile(std::vector<double>{7}, 0.3), 7);
}

}  // namespace
}  // namespace nibble::evaluate
