// The estimates of an evaluation, with the standard errors llama.cpp's perplexity tool gives them (quantization §C.1):
// observations are taken as independent.
#pragma once

#include <cstddef>
#include <span>

namespace nibble::evaluate {

struct Estimate {
  double value = 0;
  double standard_error = 0;
};

// sd / sqrt(n - 1), sd the root of the mean squared deviation. values holds at least two.
Estimate mean(std::span<const double> values);

// exp(mean), the error carried over to first order: of negative log-likelihoods this is the perplexity.
Estimate exp_of_mean(std::span<const double> values);

// sqrt(mean(x^2)), the error of the mean of squares carried over to first order.
Estimate root_mean_square(std::span<const double> values);

// The fraction of `hits` among `count`, with sqrt(p (1 - p) / (n - 1)).
Estimate fraction(std::size_t hits, std::size_t count);

// Pearson's; NaN where one side is constant.
double correlation(std::span<const double> a, std::span<const double> b);

// Linear interpolation between the neighbours of place q * (n - 1), q in [0, 1].
double percentile(std::span<const double> sorted, double q);

}  // namespace nibble::evaluate
