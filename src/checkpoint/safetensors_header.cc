#include "checkpoint/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace nibble::checkpoint {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

std::uint64_t read_little_endian_u64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

// The JSON text, after its length has been held against the file's.
Result<std::string_view> header_text(std::span<const std::byte> start, std::uint64_t file_size) {
  if (file_size < kLengthBytes || start.size() < kLengthBytes) {
    return invalid_input(fmt::format(
        "the file has {} bytes, a safetensors file at least {}; it is empty or truncated: download it again", file_size,
        kLengthBytes));
  }
  std::uint64_t length = read_little_endian_u64(start);
  if (length > kMaxHeaderBytes) {
    return invalid_input(
        fmt::format("the header claims {} bytes, more than the {} that a safetensors header may have; is this a "
                    "safetensors file?",
                    length, kMaxHeaderBytes));
  }
  if (length > file_size - kLengthBytes || length > start.size() - kLengthBytes) {
    return invalid_input(fmt::format(
        "the header claims {} bytes but the file has only {}; it is truncated: download it again", length, file_size));
  }
  std::span<const std::byte> text = start.subspan(kLengthBytes, length);
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
}

Result<DType> parse_dtype(JsonView tensor) {
  ASSIGN_OR_RETURN(std::string name, required_string(tensor, "dtype"));
  std::optional<DType> dtype = dtype_from_name(name);
  if (!dtype) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("'dtype': nibble knows no element type {}; expected one such as BF16, F32, F8_E4M3 or U8",
                            quoted_name(name)));
  }
  return *dtype;
}

Result<Shape> parse_shape(JsonView tensor) {
  JsonView list = tensor.find("shape");
  if (!list.is_array()) return invalid_input("'shape': expected an array of dimensions");
  if (list.size() > Shape::kMaxRank) {
    return invalid_input(
        fmt::format("'shape': expected at most {} dimensions, found {}", Shape::kMaxRank, list.size()));
  }
  std::int64_t dims[Shape::kMaxRank] = {};
  for (std::size_t axis = 0; axis < list.size(); ++axis) {
    std::optional<std::int64_t> dim = list.element(axis).as_integer();
    if (!dim || *dim < 0) {
      return invalid_input(fmt::format("'shape': dimension {} is not an integer from 0 to 2^63 - 1", axis));
    }
    dims[axis] = *dim;
  }
  std::optional<Shape> shape = Shape::from(std::span<const std::int64_t>(dims, list.size()));
  if (!shape) return invalid_input("'shape': the product of the dimensions exceeds 2^63 - 1");
  return *shape;
}

struct DataRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Result<DataRange> parse_data_offsets(JsonView tensor) {
  JsonView list = tensor.find("data_offsets");
  std::optional<std::uint64_t> begin = list.element(0).as_unsigned();
  std::optional<std::uint64_t> end = list.element(1).as_unsigned();
  if (!list.is_array() || list.size() != 2 || !begin || !end || *begin > *end) {
    return invalid_input("'data_offsets': expected [begin, end] with 0 <= begin <= end");
  }
  return DataRange{*begin, *end};
}

// Offsets of the result count from the start of the data.
Result<TensorEntry> parse_tensor(JsonView tensor, std::uint64_t data_bytes) {
  if (!tensor.is_object()) {
    return invalid_input("expected an object with dtype, shape and data_offsets, found " +
                         std::string(json_kind_name(tensor.kind())));
  }
  TensorEntry entry;
  ASSIGN_OR_RETURN(entry.dtype, parse_dtype(tensor));
  ASSIGN_OR_RETURN(entry.shape, parse_shape(tensor));
  ASSIGN_OR_RETURN(DataRange range, parse_data_offsets(tensor));
  auto size = checked_multiply(static_cast<std::uint64_t>(entry.shape.elements()), dtype_bytes(entry.dtype));
  if (!size) return invalid_input(fmt::format("'shape': {} has more than 2^64 bytes", entry.shape.describe()));
  if (range.end - range.begin != *size) {
    return invalid_input(fmt::format("{} {} has {} bytes, but data_offsets [{}, {}] hold {}", dtype_name(entry.dtype),
                                     entry.shape.describe(), *size, range.begin, range.end, range.end - range.begin));
  }
  if (range.end > data_bytes) {
    return invalid_input(
        fmt::format("data_offsets [{}, {}] lie outside the file, which has {} bytes of data; it is truncated: download "
                    "it again",
                    range.begin, range.end, data_bytes));
  }
  entry.offset = range.begin;
  entry.size = *size;
  return entry;
}

bool earlier_in_file(const TensorEntry& a, const TensorEntry& b) {
  return a.offset != b.offset ? a.offset < b.offset : a.size < b.size;
}

// tensors in the order of their data, which they must cover without overlap or hole.
Status check_coverage(std::span<const TensorEntry> tensors, std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorEntry& tensor = tensors[i];
    if (tensor.offset < covered) {
      return invalid_input(fmt::format("tensors {} and {} overlap at byte {} of the data; the file is damaged",
                                       quoted_name(tensors[i - 1].name), quoted_name(tensor.name), tensor.offset));
    }
    if (tensor.offset > covered) {
      return invalid_input(fmt::format("{} bytes before tensor {} belong to no tensor; the file is damaged",
                                       tensor.offset - covered, quoted_name(tensor.name)));
    }
    covered += tensor.size;
  }
  if (covered != data_bytes) {
    return invalid_input(
        fmt::format("{} bytes after the last tensor belong to no tensor; the file is damaged", data_bytes - covered));
  }
  return {};
}

// Copies the names out of the JSON tree, which is about eight times as large as what is kept of it.
std::unique_ptr<char[]> own_names(std::span<TensorEntry> tensors) {
  std::size_t total = 0;
  for (const TensorEntry& tensor : tensors) total += tensor.name.size();
  auto text = std::make_unique_for_overwrite<char[]>(total);
  char* position = text.get();
  for (TensorEntry& tensor : tensors) {
    std::memcpy(position, tensor.name.data(), tensor.name.size());
    tensor.name = {position, tensor.name.size()};
    position += tensor.name.size();
  }
  return text;
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> start, std::uint64_t file_size) {
  ASSIGN_OR_RETURN(std::string_view text, header_text(start, file_size));
  ASSIGN_OR_RETURN_IN("header", JsonDocument document, JsonDocument::parse(text));
  JsonView root = document.root();
  if (!root.is_object()) {
    return invalid_input("header: expected an object of tensors, found " + std::string(json_kind_name(root.kind())));
  }
  std::uint64_t data_start = kLengthBytes + text.size();
  std::uint64_t data_bytes = file_size - data_start;

  SafetensorsHeader header;
  header.tensors.reserve(root.size());
  for (std::size_t i = 0; i < root.size(); ++i) {
    std::string_view name = root.key(i);
    if (name == kMetadataKey) continue;
    Result<TensorEntry> entry = parse_tensor(root.element(i), data_bytes);
    if (!entry) return std::unexpected(std::move(entry).error().within("tensor " + quoted_name(name)));
    entry->name = name;
    header.tensors.push_back(*entry);
  }
  if (!std::ranges::is_sorted(header.tensors, earlier_in_file)) std::ranges::sort(header.tensors, earlier_in_file);
  RETURN_IF_ERROR(check_coverage(header.tensors, data_bytes));
  for (TensorEntry& tensor : header.tensors) tensor.offset += data_start;
  header.names = own_names(header.tensors);
  return header;
}

Result<std::uint64_t> planned_bytes(const PlannedTensor& tensor) {
  auto size = checked_multiply(static_cast<std::uint64_t>(tensor.shape.elements()), dtype_bytes(tensor.dtype));
  if (!size) return invalid_input(fmt::format("tensor {} has more than 2^64 bytes", quoted_name(tensor.name)));
  return *size;
}

Result<std::string> format_safetensors_header(std::span<const PlannedTensor> tensors) {
  JsonWriter json;
  json.begin_object();
  json.key(kMetadataKey);
  json.begin_object();
  json.member("format", "pt");
  json.end_object();
  std::uint64_t offset = 0;
  for (const PlannedTensor& tensor : tensors) {
    ASSIGN_OR_RETURN(std::uint64_t size, planned_bytes(tensor));
    auto end = checked_add(offset, size);
    if (!end) return invalid_input("the tensors of one file have more than 2^64 bytes");
    json.key(tensor.name);
    json.begin_object();
    json.member("dtype", dtype_name(tensor.dtype));
    json.key("shape");
    json.begin_array();
    for (std::int64_t dim : tensor.shape.dims()) json.value(dim);
    json.end_array();
    json.key("data_offsets");
    json.begin_array();
    json.value(offset);
    json.value(*end);
    json.end_array();
    json.end_object();
    offset = *end;
  }
  json.end_object();
  std::string text = std::move(json).take();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  if (text.size() > kMaxHeaderBytes) {
    return invalid_input(fmt::format("a shard's header would have {} bytes, more than the format's {}; use more shards",
                                     text.size(), kMaxHeaderBytes));
  }
  std::string length(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return length + text;
}

std::string quoted_name(std::string_view name) {
  constexpr std::size_t kLongest = 300;
  if (name.size() <= kLongest) return json_quote(name);
  std::size_t cut = kLongest;
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
  return fmt::format("{}… ({} bytes)", json_quote(name.substr(0, cut)), name.size());
}

}  // namespace nibble::checkpoint
