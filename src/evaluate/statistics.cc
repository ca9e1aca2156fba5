#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace nibble::evaluate {
namespace {

double average(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Mean of (a - mean a) (b - mean b). Two passes: the sums of squares that one pass would subtract lose digits.
double covariance(std::span<const double> a, std::span<const double> b) {
  double mean_a = average(a);
  double mean_b = average(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / static_cast<double>(a.size());
}

}  // namespace

Estimate mean(std::span<const double> values) {
  NIBBLE_CHECK(values.size() >= 2);
  double variance_of_mean = covariance(values, values) / static_cast<double>(values.size() - 1);
  return {average(values), std::sqrt(variance_of_mean)};
}

Estimate exp_of_mean(std::span<const double> values) {
  Estimate inner = mean(values);
  double value = std::exp(inner.value);
  return {value, value * inner.standard_error};
}

Estimate root_mean_square(std::span<const double> values) {
  std::vector<double> squares(values.size());
  std::ranges::transform(values, squares.begin(), [](double x) { return x * x; });
  Estimate inner = mean(squares);
  double value = std::sqrt(inner.value);
  return {value, value > 0 ? inner.standard_error / (2 * value) : 0};
}

Estimate fraction(std::size_t hits, std::size_t count) {
  NIBBLE_CHECK(count >= 2 && hits <= count);
  double p = static_cast<double>(hits) / static_cast<double>(count);
  return {p, std::sqrt(p * (1 - p) / static_cast<double>(count - 1))};
}

double correlation(std::span<const double> a, std::span<const double> b) {
  return covariance(a, b) / std::sqrt(covariance(a, a) * covariance(b, b));
}

double percentile(std::span<const double> sorted, double q) {
  NIBBLE_CHECK(!sorted.empty() && q >= 0 && q <= 1);
  double place = q * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<std::size_t>(place);
  std::size_t above = std::min(below + 1, sorted.size() - 1);
  double part = place - static_cast<double>(below);
  return (1 - part) * sorted[below] + part * sorted[above];
}

}  // namespace nibble::evaluate
