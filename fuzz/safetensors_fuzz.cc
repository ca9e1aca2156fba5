// Safetensors headers and indexes from hostile bytes. The input is read three ways: as a file; as one byte of data
// length and the JSON of a header, which gets the length in front of it that makes it a file; as an index.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/safetensors_index.h"

namespace nibble::checkpoint {
namespace {

// What the parser promises of a header it accepts, and that writing it again gives the same tensors.
void check_promises(const SafetensorsHeader& header, std::uint64_t file_size) {
  std::vector<PlannedTensor> plan;
  std::uint64_t end = header.tensors.empty() ? file_size : header.tensors.front().offset;
  for (const TensorEntry& tensor : header.tensors) {
    NIBBLE_CHECK(tensor.offset == end);
    NIBBLE_CHECK(tensor.size == static_cast<std::uint64_t>(tensor.shape.elements()) * dtype_bytes(tensor.dtype));
    end += tensor.size;
    plan.push_back({std::string(tensor.name), tensor.dtype, tensor.shape});
  }
  NIBBLE_CHECK(end == file_size);

  auto text = format_safetensors_header(plan);
  NIBBLE_CHECK(text);
  std::uint64_t data_bytes = header.tensors.empty() ? 0 : file_size - header.tensors.front().offset;
  auto again = parse_safetensors_header(std::as_bytes(std::span(*text)), text->size() + data_bytes);
  NIBBLE_CHECK(again && again->tensors.size() == header.tensors.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    NIBBLE_CHECK(again->tensors[i].name == plan[i].name && again->tensors[i].shape == plan[i].shape);
  }
}

void read_as_file(std::span<const std::byte> file, std::uint64_t file_size) {
  if (auto header = parse_safetensors_header(file, file_size)) check_promises(*header, file_size);
}

void read_as_header(std::uint8_t data_bytes, std::string_view json) {
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(json.size() >> (8 * i) & 0xFF);
  file += json;
  read_as_file(std::as_bytes(std::span(file)), file.size() + data_bytes);
}

}  // namespace
}  // namespace nibble::checkpoint

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble::checkpoint;
  read_as_file(std::as_bytes(std::span(data, size)), size);
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  read_as_header(data[0], text);
  if (auto index = SafetensorsIndex::parse(text)) {
    for (const std::string& shard : index->shard_names()) NIBBLE_CHECK(shard.find('/') == std::string::npos);
    NIBBLE_CHECK(!index->check_against({}));
  }
  return 0;
}
