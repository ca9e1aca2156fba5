// Files: reading whole, mapping, and writing so that a final name only ever holds a whole output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble {

// The whole file as bytes in a string. Refuses files over max_bytes: a configuration file is never a gigabyte.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{64} << 20);

// A read-only memory mapping of a whole file. Move-only; the bytes live as long as the object.
// A file that another process truncates while it is mapped ends in SIGBUS: the kernel offers no better.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// A new file written under "<path>.partial" and renamed to its final name by commit(). Without commit() the partial
// file is removed by the destructor. Nothing that exists under the final name is touched before commit(). A folder,
// device or pipe of that name is refused.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  // Writes at an absolute position; the file grows as needed. Does not move the position of write().
  Status write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Flushes to the disk and renames. No further writes.
  Status commit();

 private:
  OutputFile(int descriptor, std::filesystem::path final_path, std::filesystem::path partial_path);

  int descriptor_ = -1;
  std::filesystem::path final_path_;
  std::filesystem::path partial_path_;
};

// A new folder, filled under "<path>.partial" and renamed by commit(); removed with its content without commit().
// create() refuses a path that exists, so that no earlier output is ever lost.
class OutputFolder {
 public:
  static Result<OutputFolder> create(const std::filesystem::path& path);

  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  // Where files are to be written until commit().
  const std::filesystem::path& working_path() const { return partial_path_; }
  Status commit();

 private:
  OutputFolder(std::filesystem::path final_path, std::filesystem::path partial_path);

  std::filesystem::path final_path_;
  std::filesystem::path partial_path_;
};

// Writes a small text file through OutputFile.
Status write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace nibble
