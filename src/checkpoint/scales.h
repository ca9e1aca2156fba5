// Scales as they lie in a file: read, and refused where no weight can come of them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/error.h"
#include "checkpoint/tensor_store.h"

namespace nibble::checkpoint {

// A float32 tensor of one element ([] or [1]) that must be finite and above zero.
Result<float> read_scale(const TensorStore& store, const TensorEntry& entry);

// The position of the first E4M3 byte that is NaN or has its sign bit set; block scales are never either.
std::optional<std::size_t> find_bad_block_scale(std::span<const std::byte> scales) noexcept;

}  // namespace nibble::checkpoint
