// Where tests find their files, and temporary folders that clean up after themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::testing {

// A file of this repository, by its path from the top.
std::filesystem::path source_path(std::string_view relative);

// tests/golden/<relative>: outputs of the official Python code, made by tools/golden/.
std::filesystem::path golden_path(std::string_view relative);

// A file of the folder of other people's files beside the repository; nullopt where it is absent. Use with
// SKIP_WITHOUT_SHARED.
std::optional<std::filesystem::path> shared_path(std::string_view relative);

// The whole file; ends the program with a message where it cannot be read.
std::string must_read(const std::filesystem::path& path);

// Lines of a text file without their ends.
std::vector<std::string> must_read_lines(const std::filesystem::path& path);

// A fresh folder, removed with its content at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The value, or the end of the program with the error's description: for steps a test takes for granted.
[[noreturn]] void die(const Error& error);

template <typename T>
T must(Result<T> result) {
  if (!result) die(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace nibble::testing

// SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json"); defines path, or skips the test and says what is missing.
#define SKIP_WITHOUT_SHARED(variable, relative)                                                   \
  const auto variable##_found = ::nibble::testing::shared_path(relative);                         \
  if (!variable##_found) GTEST_SKIP() << "needs ../shared/" << (relative) << ", which is absent"; \
  const std::filesystem::path& variable = *variable##_found
