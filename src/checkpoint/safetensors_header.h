// The header of one safetensors file: 8 bytes of length (little endian), then JSON, then the data it describes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/tensor_store.h"

namespace nibble::checkpoint {

// The limit of the format's own library: no real header comes near it.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct SafetensorsHeader {
  std::unique_ptr<char[]> names;     // what the entries' names point into
  std::vector<TensorEntry> tensors;  // in the order of their data; offsets count from the start of the file
};

// Reads and validates the header of a file of file_size bytes; start holds at least the 8 bytes and the header.
// Tensors must cover the data exactly: no overlap, no hole, nothing after the last, each as large as its shape and
// dtype say. `__metadata__` is skipped.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> start, std::uint64_t file_size);

struct PlannedTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

// The tensor's size in a file.
Result<std::uint64_t> planned_bytes(const PlannedTensor& tensor);

// The other direction: length and JSON for tensors whose data follows in the given order without a gap, padded with
// spaces so that the data begins at a multiple of 8.
Result<std::string> format_safetensors_header(std::span<const PlannedTensor> tensors);

// A tensor or file name for a message: in quotes, control characters escaped, cut where it is absurdly long.
std::string quoted_name(std::string_view name);

}  // namespace nibble::checkpoint
