#include "npy_file.h"

#include <fmt/format.h>

#include <bit>

namespace nibble::apps {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

// numpy.lib.format: magic, version, length of the header, a Python dict; data begins at a multiple of 64.
Result<NpyFile> NpyFile::create(const std::filesystem::path& path, std::int64_t rows, std::int64_t cols) {
  constexpr std::size_t kPrefix = 10;
  std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  std::size_t unpadded = kPrefix + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xFFU);
  header += static_cast<char>(dict.size() >> 8U);

  ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  RETURN_IF_ERROR(file.write(header + dict));
  return NpyFile(std::move(file));
}

}  // namespace nibble::apps
