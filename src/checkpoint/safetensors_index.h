// model.safetensors.index.json: which tensor lies in which shard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/tensor_store.h"

namespace nibble::checkpoint {

inline constexpr std::string_view kIndexFileName = "model.safetensors.index.json";
inline constexpr std::string_view kSingleFileName = "model.safetensors";

class SafetensorsIndex {
 public:
  // Every entry must name a file of the same folder: "../x", "a/b" and "/x" are refused.
  static Result<SafetensorsIndex> parse(std::string_view text);

  std::span<const std::string> shard_names() const { return shard_names_; }  // sorted

  // The index and the headers must list the same tensors in the same shards. entries are sorted by name; their shard
  // numbers count in shard_names().
  Status check_against(std::span<const TensorEntry> entries) const;

 private:
  struct Entry {
    std::string_view tensor;  // points into document_
    std::uint32_t shard = 0;
  };

  explicit SafetensorsIndex(JsonDocument document) : document_(std::move(document)) {}

  JsonDocument document_;
  std::vector<std::string> shard_names_;
  std::vector<Entry> entries_;  // by tensor name
};

// The index of a sharded folder; nullopt where DIR/model.safetensors is the whole checkpoint. Errors: neither is there,
// or both are and contradict each other.
Result<std::optional<SafetensorsIndex>> find_index(const std::filesystem::path& folder);

}  // namespace nibble::checkpoint
