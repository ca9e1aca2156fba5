// A float32 matrix as a NumPy file, written row after row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/error.h"
#include "base/file.h"

namespace nibble::apps {

class NpyFile {
 public:
  // Version 1.0 of the format, C order, little endian, shape [rows, cols].
  static Result<NpyFile> create(const std::filesystem::path& path, std::int64_t rows, std::int64_t cols);

  // Whole rows, in order.
  Status append(std::span<const float> values) { return file_.write(std::as_bytes(values)); }
  Status commit() { return file_.commit(); }

 private:
  explicit NpyFile(OutputFile file) : file_(std::move(file)) {}

  OutputFile file_;
};

}  // namespace nibble::apps
