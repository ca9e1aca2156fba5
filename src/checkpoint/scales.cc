#include "checkpoint/scales.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace nibble::checkpoint {
namespace {

constexpr std::byte kFirstBad{0x7F};  // NaN; every larger byte has the sign bit

// Whether some byte of the chunk is 0x7F or more: adding 1 to each byte carries 0x7F into the sign bit, and no byte
// without a sign bit carries into its neighbour.
bool has_bad_byte(const std::byte* chunk, std::size_t words) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kSigns = 0x8080808080808080;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t word;
    std::memcpy(&word, chunk + 8 * i, 8);
    seen |= word | (word + kOnes);
  }
  return (seen & kSigns) != 0;
}

}  // namespace

Result<float> read_scale(const TensorStore& store, const TensorEntry& entry) {
  if (entry.dtype != DType::kF32 || entry.shape.elements() != 1) {
    return invalid_input(fmt::format("{}: expected a single F32 number, found {} {}", store.describe(entry),
                                     dtype_name(entry.dtype), entry.shape.describe()));
  }
  float scale;
  std::memcpy(&scale, store.bytes(entry).data(), sizeof scale);
  if (std::isfinite(scale) && scale > 0) return scale;
  return invalid_input(
      fmt::format("{}: expected a finite scale above 0, found {}; the file is damaged or its quantization failed",
                  store.describe(entry), scale));
}

std::optional<std::size_t> find_bad_block_scale(std::span<const std::byte> scales) noexcept {
  constexpr std::size_t kChunk = 4096;
  std::size_t at = 0;
  while (at + kChunk <= scales.size() && !has_bad_byte(scales.data() + at, kChunk / 8)) at += kChunk;
  for (; at < scales.size(); ++at) {
    if (scales[at] >= kFirstBad) return at;
  }
  return std::nullopt;
}

}  // namespace nibble::checkpoint
