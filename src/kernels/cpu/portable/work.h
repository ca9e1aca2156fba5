// How finely a loop is cut for the thread pool, and the scratch memory of a piece.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

namespace nibble::kernels::portable {

// Waking a thread takes some microseconds: a piece of work should not be smaller than that. In multiply-adds, of which
// a core does about 10^11 in a second.
constexpr std::int64_t kWorthAThread = 1 << 19;

// Items a piece should have when one item costs `multiply_adds`.
inline std::int64_t grain_for(std::int64_t multiply_adds) {
  return std::max<std::int64_t>(1, kWorthAThread / std::max<std::int64_t>(1, multiply_adds));
}

using Scratch = std::unique_ptr<float[]>;

// Uninitialised.
inline Scratch scratch(std::int64_t floats) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(floats));
}

}  // namespace nibble::kernels::portable
