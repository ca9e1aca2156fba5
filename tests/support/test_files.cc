#include "support/test_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/file.h"

namespace nibble::testing {

std::filesystem::path source_path(std::string_view relative) {
  return std::filesystem::path(NIBBLE_SOURCE_DIR) / relative;
}

std::filesystem::path golden_path(std::string_view relative) { return source_path("tests/golden") / relative; }

std::optional<std::filesystem::path> shared_path(std::string_view relative) {
  std::filesystem::path path = source_path("../shared").lexically_normal() / relative;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return path;
}

std::string must_read(const std::filesystem::path& path) { return must(read_file(path, std::uint64_t{1} << 30)); }

std::vector<std::string> must_read_lines(const std::filesystem::path& path) {
  std::string text = must_read(path);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "nibble-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) die(Error(ErrorCode::kEnvironment, "cannot make a temporary folder " + name));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void die(const Error& error) {
  fmt::print(stderr, "test set-up failed: {}\n", error.describe());
  std::exit(1);
}

}  // namespace nibble::testing
