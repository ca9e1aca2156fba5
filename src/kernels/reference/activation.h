// The activation functions of the references, in float64.
#pragma once

#include <cmath>

namespace nibble::kernels::reference {

inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

inline double silu(double x) { return x * sigmoid(x); }

// ln(1 + exp(x)), and x itself from where the two agree in float32 (architecture §3.4).
inline double softplus(double x) { return x > 20.0 ? x : std::log1p(std::exp(x)); }

}  // namespace nibble::kernels::reference
