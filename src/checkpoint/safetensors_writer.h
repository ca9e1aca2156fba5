// Writes a sharded safetensors checkpoint whose layout is known beforehand, in bounded memory and any order of writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/safetensors_header.h"

namespace nibble::checkpoint {

class SafetensorsWriter {
 public:
  // Plans shards of at most max_shard_bytes each (a larger tensor gets a shard of its own), in the given order. One
  // shard is named model.safetensors; more are model-0000i-of-0000n.safetensors with model.safetensors.index.json.
  // folder must exist; it is usually an OutputFolder's working_path().
  static Result<SafetensorsWriter> create(const std::filesystem::path& folder, std::vector<PlannedTensor> tensors,
                                          std::uint64_t max_shard_bytes = std::uint64_t{10} * 1000 * 1000 * 1000);

  SafetensorsWriter(SafetensorsWriter&&) noexcept;
  ~SafetensorsWriter();

  // Writes bytes at byte_offset inside the tensor. Callable from several threads for disjoint ranges.
  Status write(std::string_view name, std::uint64_t byte_offset, std::span<const std::byte> bytes);
  // The whole tensor at once; the size must fit the plan.
  Status write(std::string_view name, std::span<const std::byte> bytes);
  // Checks that every byte of every tensor was written exactly as often as planned (once), then commits all files.
  Status finish();

 private:
  struct Impl;
  explicit SafetensorsWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nibble::checkpoint
