// Integer arithmetic on numbers that came from outside. nullopt means overflow: the caller says which input was absurd.
#pragma once

#include <concepts>
#include <optional>
#include <span>

namespace nibble {

template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::integral T>
constexpr std::optional<T> checked_multiply(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The product of all factors; 1 for none. nullopt on overflow, also where a later factor is 0.
template <std::integral T>
constexpr std::optional<T> checked_product(std::span<const T> factors) {
  std::optional<T> product = T{1};
  for (T factor : factors) {
    product = checked_multiply(*product, factor);
    if (!product) return std::nullopt;
  }
  return product;
}

}  // namespace nibble
