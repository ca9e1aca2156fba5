#include "checkpoint/safetensors_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "base/checked.h"
#include "base/file.h"
#include "base/json_writer.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/safetensors_index.h"
#include "checkpoint/written_ranges.h"

namespace nibble::checkpoint {
namespace {

constexpr std::size_t kMaxShards = 99'999;  // five digits in the file name

struct Slot {
  PlannedTensor plan;
  std::size_t shard = 0;
  std::uint64_t offset = 0;  // in the shard's data
  std::uint64_t size = 0;
  WrittenRanges written;
};

struct OutputShard {
  std::string name;
  OutputFile file;
  std::uint64_t data_start = 0;
};

// Fills shards in the given order; returns how many there are.
Result<std::size_t> assign_shards(std::span<Slot> slots, std::uint64_t max_shard_bytes) {
  std::size_t shard = 0;
  std::uint64_t used = 0;
  for (Slot& slot : slots) {
    auto end = checked_add(used, slot.size);
    if (used > 0 && (!end || *end > max_shard_bytes)) {
      ++shard;
      used = 0;
    }
    slot.shard = shard;
    slot.offset = used;
    used += slot.size;
  }
  if (shard + 1 > kMaxShards) {
    return invalid_input(fmt::format("shards of at most {} bytes would be {} files, more than {}; allow larger shards",
                                     max_shard_bytes, shard + 1, kMaxShards));
  }
  return shard + 1;
}

std::string shard_file_name(std::size_t shard, std::size_t count) {
  if (count == 1) return std::string(kSingleFileName);
  return fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, count);
}

}  // namespace

struct SafetensorsWriter::Impl {
  std::filesystem::path folder;
  std::vector<Slot> slots;
  std::unordered_map<std::string_view, std::size_t> slot_by_name;
  std::vector<OutputShard> shards;
  std::mutex mutex;           // guards what follows, and every Slot::written
  bool write_failed = false;  // some bytes that count as written are not

  Status plan(std::vector<PlannedTensor> tensors);
  Status create_shards(std::size_t count);
  Status check_complete() const;
  std::string index_text() const;
};

// One slot a tensor, in the given order; sizes checked, names unique.
Status SafetensorsWriter::Impl::plan(std::vector<PlannedTensor> tensors) {
  slots.reserve(tensors.size());
  for (PlannedTensor& tensor : tensors) {
    ASSIGN_OR_RETURN(std::uint64_t size, planned_bytes(tensor));
    slots.push_back({.plan = std::move(tensor), .size = size, .written = {}});
    std::string_view name = slots.back().plan.name;
    if (!slot_by_name.emplace(name, slots.size() - 1).second) {
      return invalid_input(fmt::format("tensor {} is planned twice; names must differ", quoted_name(name)));
    }
  }
  return {};
}

// Creates the files and writes their headers. slots must have their shards.
Status SafetensorsWriter::Impl::create_shards(std::size_t count) {
  auto first = slots.begin();
  for (std::size_t i = 0; i < count; ++i) {
    auto last = std::find_if(first, slots.end(), [&](const Slot& slot) { return slot.shard != i; });
    std::string name = shard_file_name(i, count);
    std::vector<PlannedTensor> plan;
    for (auto slot = first; slot != last; ++slot) plan.push_back(slot->plan);
    ASSIGN_OR_RETURN(std::string header, format_safetensors_header(plan));
    ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(folder / name));
    RETURN_IF_ERROR(file.write(header));
    shards.push_back({std::move(name), std::move(file), header.size()});
    first = last;
  }
  return {};
}

Status SafetensorsWriter::Impl::check_complete() const {
  if (write_failed) return fail(ErrorCode::kEnvironment, "an earlier write failed; nothing is committed");
  for (const Slot& slot : slots) {
    if (slot.written.total() != slot.size) {
      return invalid_input(fmt::format("{}: tensor {}: only {} of {} bytes were written; the first gap is at byte {}",
                                       shards[slot.shard].name, quoted_name(slot.plan.name), slot.written.total(),
                                       slot.size, slot.written.first_gap()));
    }
  }
  return {};
}

// As the reference tools write it: sorted by name, two spaces, a final newline.
std::string SafetensorsWriter::Impl::index_text() const {
  std::vector<const Slot*> by_name;
  std::uint64_t total = 0;
  for (const Slot& slot : slots) {
    by_name.push_back(&slot);
    total += slot.size;
  }
  std::ranges::sort(by_name, {}, [](const Slot* slot) -> const std::string& { return slot->plan.name; });
  JsonWriter json(2);
  json.begin_object();
  json.key("metadata");
  json.begin_object();
  json.member("total_size", total);
  json.end_object();
  json.key("weight_map");
  json.begin_object();
  for (const Slot* slot : by_name) json.member(slot->plan.name, shards[slot->shard].name);
  json.end_object();
  json.end_object();
  return std::move(json).take() + "\n";
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& folder,
                                                    std::vector<PlannedTensor> tensors, std::uint64_t max_shard_bytes) {
  auto impl = std::make_unique<Impl>();
  impl->folder = folder;
  RETURN_IF_ERROR(impl->plan(std::move(tensors)));
  ASSIGN_OR_RETURN(std::size_t shards, assign_shards(impl->slots, max_shard_bytes));
  RETURN_IF_ERROR(impl->create_shards(shards));
  return SafetensorsWriter(std::move(impl));
}

SafetensorsWriter::SafetensorsWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter::~SafetensorsWriter() = default;

Status SafetensorsWriter::write(std::string_view name, std::uint64_t byte_offset, std::span<const std::byte> bytes) {
  auto found = impl_->slot_by_name.find(name);
  if (found == impl_->slot_by_name.end()) {
    return invalid_input(fmt::format("tensor {} was not planned", quoted_name(name)));
  }
  Slot& slot = impl_->slots[found->second];
  auto end = checked_add(byte_offset, static_cast<std::uint64_t>(bytes.size()));
  if (!end || *end > slot.size) {
    return invalid_input(fmt::format("tensor {}: {} bytes at {} exceed its {} planned bytes", quoted_name(name),
                                     bytes.size(), byte_offset, slot.size));
  }
  {
    std::lock_guard lock(impl_->mutex);
    if (!slot.written.add(byte_offset, *end)) {
      return invalid_input(fmt::format("tensor {}: bytes [{}, {}) were written before, at least in part",
                                       quoted_name(name), byte_offset, *end));
    }
  }
  OutputShard& shard = impl_->shards[slot.shard];
  Status status = shard.file.write_at(shard.data_start + slot.offset + byte_offset, bytes);
  if (!status) {
    std::lock_guard lock(impl_->mutex);
    impl_->write_failed = true;
  }
  return status;
}

Status SafetensorsWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  auto found = impl_->slot_by_name.find(name);
  if (found != impl_->slot_by_name.end() && impl_->slots[found->second].size != bytes.size()) {
    return invalid_input(fmt::format("tensor {}: {} bytes were planned, {} were given", quoted_name(name),
                                     impl_->slots[found->second].size, bytes.size()));
  }
  return write(name, 0, bytes);
}

Status SafetensorsWriter::finish() {
  RETURN_IF_ERROR(impl_->check_complete());
  for (OutputShard& shard : impl_->shards) RETURN_IF_ERROR(shard.file.commit());
  // Last, so that a folder with an index is a whole one.
  if (impl_->shards.size() == 1) return {};
  return write_file(impl_->folder / kIndexFileName, impl_->index_text());
}

}  // namespace nibble::checkpoint
