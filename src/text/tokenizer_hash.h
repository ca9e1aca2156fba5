// The hash of the tokenizer's tables of strings.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nibble::text {

// Words are a few bytes long: eight of them a multiplication. All bits of the result are good, the high ones best.
inline std::uint64_t hash_bytes(std::string_view bytes) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
  std::uint64_t hash = bytes.size() * kMultiplier;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, bytes.data() + at, bytes.size() - at < sizeof(chunk) ? bytes.size() - at : sizeof(chunk));
    hash = (std::rotl(hash, 29) ^ chunk) * kMultiplier;
    hash ^= hash >> 32;
  }
  return hash * kMultiplier;
}

}  // namespace nibble::text
