#include "checkpoint/safetensors_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "checkpoint/safetensors_header.h"

namespace nibble::checkpoint {
namespace {

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// What a folder without weights has instead: the reader's next question.
std::string other_weights(const std::filesystem::path& folder) {
  std::error_code error;
  std::string found;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    std::string extension = file.path().extension().string();
    std::string name = quoted_name(file.path().filename().string());
    if (extension == ".safetensors") return fmt::format("; it has {}, but the index is missing: download it", name);
    if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".gguf") {
      found = fmt::format("; it has {}, a format that nibble does not read", name);
    }
  }
  return found;
}

}  // namespace

Result<SafetensorsIndex> SafetensorsIndex::parse(std::string_view text) {
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(text));
  SafetensorsIndex index(std::move(document));
  JsonView map = index.document_.root().find("weight_map");
  if (!map.is_object() || map.size() == 0) {
    return invalid_input("'weight_map': expected an object of tensor names and shard names");
  }
  std::map<std::string_view, std::uint32_t> shards;
  for (std::size_t i = 0; i < map.size(); ++i) {
    std::optional<std::string_view> file = map.element(i).as_string();
    if (!file || !is_plain_file_name(*file)) {
      return invalid_input(fmt::format(
          "'weight_map': tensor {}: expected the name of a file in the same folder, found {}", quoted_name(map.key(i)),
          file ? quoted_name(*file) : std::string(json_kind_name(map.element(i).kind()))));
    }
    shards.emplace(*file, 0);
  }
  for (auto& [name, number] : shards) {
    number = static_cast<std::uint32_t>(index.shard_names_.size());
    index.shard_names_.emplace_back(name);
  }
  index.entries_.reserve(map.size());
  for (std::size_t i = 0; i < map.size(); ++i) {
    index.entries_.push_back({map.key(i), shards.find(*map.element(i).as_string())->second});
  }
  if (!std::ranges::is_sorted(index.entries_, {}, &Entry::tensor)) {
    std::ranges::sort(index.entries_, {}, &Entry::tensor);
  }
  return index;
}

Status SafetensorsIndex::check_against(std::span<const TensorEntry> entries) const {
  auto stored = entries.begin();
  for (const Entry& listed : entries_) {
    if (stored != entries.end() && stored->name < listed.tensor) break;
    if (stored == entries.end() || stored->name != listed.tensor || stored->shard != listed.shard) {
      return invalid_input(
          fmt::format("lists tensor {} in {}, whose header does not have it; is the shard from another revision? "
                      "Download the folder again",
                      quoted_name(listed.tensor), shard_names_[listed.shard]));
    }
    ++stored;
  }
  if (stored != entries.end()) {
    return invalid_input(
        fmt::format("does not list tensor {} of {}; is the shard from another revision? Download the folder again",
                    quoted_name(stored->name), shard_names_[stored->shard]));
  }
  return {};
}

Result<std::optional<SafetensorsIndex>> find_index(const std::filesystem::path& folder) {
  const std::filesystem::path index_path = folder / kIndexFileName;
  const bool has_single = is_there(folder / kSingleFileName);
  if (!is_there(index_path)) {
    if (has_single) return std::nullopt;
    return fail(ErrorCode::kNotFound, fmt::format("'{}' has neither {} nor {}{}", folder.string(), kSingleFileName,
                                                  kIndexFileName, other_weights(folder)));
  }
  ASSIGN_OR_RETURN(std::string text, read_file(index_path, kMaxHeaderBytes));
  ASSIGN_OR_RETURN_IN(index_path.string(), SafetensorsIndex index, SafetensorsIndex::parse(text));
  if (has_single && !std::ranges::binary_search(index.shard_names(), kSingleFileName)) {
    return invalid_input(
        fmt::format("'{}' has both {} and {}, which does not name it; remove the one that does not belong",
                    folder.string(), kSingleFileName, kIndexFileName));
  }
  return index;
}

}  // namespace nibble::checkpoint
