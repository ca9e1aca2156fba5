#include "checkpoint/tensor_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/thread_pool.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/safetensors_index.h"

namespace nibble::checkpoint {
namespace {

struct Shard {
  std::filesystem::path path;
  MappedFile file;
  SafetensorsHeader header;
};

Result<Shard> open_shard(const std::filesystem::path& path) {
  Shard shard;
  shard.path = path;
  ASSIGN_OR_RETURN(shard.file, MappedFile::open(path));
  ASSIGN_OR_RETURN_IN(path.string(), shard.header,
                      parse_safetensors_header(shard.file.bytes(), shard.file.bytes().size()));
  return shard;
}

// Headers of all shards at once: parsing one is the longest part of opening a folder.
Result<std::vector<Shard>> open_shards(const std::filesystem::path& folder, std::span<const std::string> names) {
  std::vector<Result<Shard>> opened(names.size());
  auto count = static_cast<std::int64_t>(names.size());
  ThreadPool pool(static_cast<int>(std::min<std::int64_t>(count, available_processors())));
  pool.parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      auto index = static_cast<std::size_t>(i);
      opened[index] = open_shard(folder / names[index]);
    }
  });
  auto missing = std::ranges::count_if(
      opened, [](const auto& shard) { return !shard && shard.error().code() == ErrorCode::kNotFound; });
  std::vector<Shard> shards;
  for (Result<Shard>& shard : opened) {
    if (!shard && shard.error().code() == ErrorCode::kNotFound && count > 1) {
      return fail(ErrorCode::kNotFound, fmt::format("{}; {} of the {} shards that {} names are missing: download them",
                                                    shard.error().describe(), missing, count, kIndexFileName));
    }
    if (!shard) return std::unexpected(std::move(shard).error());
    shards.push_back(*std::move(shard));
  }
  return shards;
}

bool name_less(const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; }

std::string list_dtypes(std::span<const DType> dtypes) {
  std::vector<std::string_view> names;
  for (DType dtype : dtypes) names.push_back(dtype_name(dtype));
  return fmt::format("{}", fmt::join(names, " or "));
}

}  // namespace

struct TensorStore::Impl {
  std::string location;
  std::vector<Shard> shards;
  std::vector<TensorEntry> entries;  // by name
  std::uint64_t total_bytes = 0;

  static Result<std::unique_ptr<Impl>> build(const std::filesystem::path& location, std::vector<Shard> shards);
};

Result<std::unique_ptr<TensorStore::Impl>> TensorStore::Impl::build(const std::filesystem::path& location,
                                                                    std::vector<Shard> opened) {
  auto impl = std::make_unique<Impl>();
  impl->location = location.string();
  impl->shards = std::move(opened);
  std::size_t count = 0;
  for (const Shard& shard : impl->shards) count += shard.header.tensors.size();
  impl->entries.reserve(count);
  for (std::size_t i = 0; i < impl->shards.size(); ++i) {
    std::vector<TensorEntry> tensors = std::exchange(impl->shards[i].header.tensors, {});
    for (TensorEntry& tensor : tensors) {
      tensor.shard = static_cast<std::uint32_t>(i);
      impl->total_bytes += tensor.size;
      impl->entries.push_back(tensor);
    }
  }
  std::ranges::sort(impl->entries, name_less);
  auto twice = std::ranges::adjacent_find(impl->entries, {}, &TensorEntry::name);
  if (twice != impl->entries.end()) {
    return invalid_input(fmt::format("{}: tensor {} stands in both {} and {}; remove the shard that does not belong",
                                     impl->location, quoted_name(twice->name),
                                     impl->shards[twice->shard].path.filename().string(),
                                     impl->shards[std::next(twice)->shard].path.filename().string()));
  }
  return impl;
}

Result<TensorStore> TensorStore::open(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(std::optional<SafetensorsIndex> index, find_index(folder));
  if (!index) return open_file(folder / kSingleFileName);
  ASSIGN_OR_RETURN(std::vector<Shard> shards, open_shards(folder, index->shard_names()));
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::build(folder, std::move(shards)));
  RETURN_IF_ERROR_IN((folder / kIndexFileName).string(), index->check_against(impl->entries));
  return TensorStore(std::move(impl));
}

Result<TensorStore> TensorStore::open_file(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(Shard shard, open_shard(file));
  std::vector<Shard> shards;
  shards.push_back(std::move(shard));
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::build(file, std::move(shards)));
  return TensorStore(std::move(impl));
}

TensorStore::TensorStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TensorStore::TensorStore(TensorStore&&) noexcept = default;
TensorStore& TensorStore::operator=(TensorStore&&) noexcept = default;
TensorStore::~TensorStore() = default;

std::span<const TensorEntry> TensorStore::entries() const { return impl_->entries; }

const TensorEntry* TensorStore::find(std::string_view name) const {
  auto entry = std::ranges::lower_bound(impl_->entries, name, {}, &TensorEntry::name);
  return entry != impl_->entries.end() && entry->name == name ? &*entry : nullptr;
}

std::span<const TensorEntry> TensorStore::with_prefix(std::string_view prefix) const {
  auto begins_with = [&](const TensorEntry& entry) { return entry.name.substr(0, prefix.size()); };
  auto [first, last] = std::ranges::equal_range(impl_->entries, prefix, {}, begins_with);
  return {first, last};
}

std::span<const std::byte> TensorStore::bytes(const TensorEntry& entry) const {
  return impl_->shards[entry.shard].file.bytes().subspan(entry.offset, entry.size);
}

std::size_t TensorStore::shard_count() const { return impl_->shards.size(); }

std::string TensorStore::shard_name(std::uint32_t shard) const { return impl_->shards[shard].path.filename().string(); }

std::string TensorStore::describe(const TensorEntry& entry) const {
  return fmt::format("{}: tensor {}", impl_->shards[entry.shard].path.string(), quoted_name(entry.name));
}

const std::string& TensorStore::location() const { return impl_->location; }

std::uint64_t TensorStore::total_bytes() const { return impl_->total_bytes; }

Result<const TensorEntry*> TensorStore::require(std::string_view name, const Shape& shape,
                                                std::span<const DType> dtypes) const {
  const TensorEntry* entry = find(name);
  if (entry != nullptr && entry->shape == shape && std::ranges::find(dtypes, entry->dtype) != dtypes.end()) {
    return entry;
  }
  const std::string expected = fmt::format("{} {}", list_dtypes(dtypes), shape.describe());
  if (entry == nullptr) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{}: there is no tensor {}; expected {}; is the download complete, and does config.json "
                            "belong to it?",
                            location(), quoted_name(name), expected));
  }
  return invalid_input(fmt::format("{}: expected {}, found {} {}; do the weights belong to this config.json?",
                                   describe(*entry), expected, dtype_name(entry->dtype), entry->shape.describe()));
}

}  // namespace nibble::checkpoint
