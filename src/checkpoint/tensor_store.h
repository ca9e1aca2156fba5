// The tensors of a model folder, whatever number of safetensors shards they lie in: found by name, read in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/dtype.h"

namespace nibble::checkpoint {

// Dimensions of a tensor, at most 8 (the rank that any known checkpoint needs is 5). Rank 0 is a scalar.
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 8;
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);
  static std::optional<Shape> from(std::span<const std::int64_t> dims);

  std::span<const std::int64_t> dims() const { return {dims_, rank_}; }
  std::size_t rank() const { return rank_; }
  std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  // Product of the dimensions; the reader has checked that it does not overflow.
  std::int64_t elements() const;
  std::string describe() const;  // "[512, 128]"
  bool operator==(const Shape& other) const;

 private:
  std::int64_t dims_[kMaxRank] = {};
  std::size_t rank_ = 0;
};

// One tensor as the file's header declares it; name points into the store.
struct TensorEntry {
  std::string_view name;
  DType dtype = DType::kF32;
  Shape shape;
  std::uint32_t shard = 0;
  std::uint64_t offset = 0;  // of the first byte, from the start of the shard file
  std::uint64_t size = 0;    // in bytes
};

// Opens DIR/model.safetensors, or all shards of DIR/model.safetensors.index.json. Every header is validated: offsets
// inside the file, no overlap and no hole, sizes equal to shape times dtype, no name twice, the index and the headers
// agree.
class TensorStore {
 public:
  static Result<TensorStore> open(const std::filesystem::path& folder);
  // One safetensors file by itself.
  static Result<TensorStore> open_file(const std::filesystem::path& file);

  TensorStore(TensorStore&&) noexcept;
  TensorStore& operator=(TensorStore&&) noexcept;
  ~TensorStore();

  std::span<const TensorEntry> entries() const;  // sorted by name
  const TensorEntry* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // Entries whose name begins with prefix, a contiguous range of entries().
  std::span<const TensorEntry> with_prefix(std::string_view prefix) const;

  // The tensor's bytes in the mapping, valid as long as the store.
  std::span<const std::byte> bytes(const TensorEntry& entry) const;

  std::size_t shard_count() const;
  std::string shard_name(std::uint32_t shard) const;  // "model-00003-of-00026.safetensors"
  // The shard's whole path and the tensor's name, as every message about a tensor begins.
  std::string describe(const TensorEntry& entry) const;
  const std::string& location() const;  // the folder or file that was opened
  std::uint64_t total_bytes() const;    // of all tensors

  // find(), with shape and one of the dtypes required; the error names file, tensor, expected and found.
  Result<const TensorEntry*> require(std::string_view name, const Shape& shape, std::span<const DType> dtypes) const;

 private:
  struct Impl;
  explicit TensorStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nibble::checkpoint
