#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nibble {
namespace {

Error system_error(std::string_view action, const std::filesystem::path& path, int error) {
  ErrorCode code = error == ENOENT || error == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kEnvironment;
  std::string remedy;
  if (error == ENOSPC || error == EDQUOT) remedy = "; free some space and run again, nothing was left behind";
  if (error == EACCES || error == EPERM) remedy = "; check the permissions";
  return Error(code, fmt::format("cannot {} '{}': {}{}", action, path.string(), std::strerror(error), remedy));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }

 private:
  int value_;
};

// Opens a regular file and returns its size.
Result<std::uint64_t> regular_file_size(const Descriptor& descriptor, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(descriptor.value(), &status) != 0) return std::unexpected(system_error("read", path, errno));
  if (!S_ISREG(status.st_mode)) {
    return invalid_input(fmt::format("'{}' is not a regular file; name a file", path.string()));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::filesystem::path partial_name(const std::filesystem::path& path) {
  std::filesystem::path partial = path;
  partial += ".partial";
  return partial;
}

// "models/x/" has an empty file name; without the slash it is the folder "models/x".
std::filesystem::path without_trailing_slash(const std::filesystem::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

void sync_parent_folder(const std::filesystem::path& path) {
  std::filesystem::path parent = path.parent_path().empty() ? "." : path.parent_path();
  Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.value() >= 0) ::fsync(folder.value());
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.value() < 0) return std::unexpected(system_error("open", path, errno));
  ASSIGN_OR_RETURN(std::uint64_t size, regular_file_size(descriptor, path));
  if (size > max_bytes) {
    return invalid_input(
        fmt::format("'{}' has {} bytes, more than the {} that such a file may have; is it the right file?",
                    path.string(), size, max_bytes));
  }
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    ssize_t count = ::read(descriptor.value(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("read", path, errno));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  content.resize(done);
  return content;
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.value() < 0) return std::unexpected(system_error("open", path, errno));
  ASSIGN_OR_RETURN(std::uint64_t size, regular_file_size(descriptor, path));
  MappedFile mapped;
  if (size == 0) return mapped;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.value(), 0);
  if (address == MAP_FAILED) return std::unexpected(system_error("map", path, errno));
  mapped.bytes_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(size)};
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  // The rename of commit() would put a file in the place of a device or a pipe: with root's rights, /dev/full itself.
  std::error_code ignored;
  std::filesystem::file_status existing = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(existing) && !std::filesystem::is_regular_file(existing)) {
    return invalid_input(
        fmt::format("cannot write '{}': it exists and is not a regular file; name another file", path.string()));
  }
  std::filesystem::path partial = partial_name(path);
  int descriptor = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return std::unexpected(system_error("create", partial, errno));
  return OutputFile(descriptor, path, partial);
}

OutputFile::OutputFile(int descriptor, std::filesystem::path final_path, std::filesystem::path partial_path)
    : descriptor_(descriptor), final_path_(std::move(final_path)), partial_path_(std::move(partial_path)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      final_path_(std::move(other.final_path_)),
      partial_path_(std::move(other.partial_path_)) {}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_path_.c_str());
}

Status OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("write", partial_path_, errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("write", partial_path_, errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Status OutputFile::commit() {
  if (::fsync(descriptor_) != 0) return std::unexpected(system_error("write", partial_path_, errno));
  // A failed close can be the first word of a full network disk.
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    Error error = system_error("write", partial_path_, errno);
    ::unlink(partial_path_.c_str());
    return std::unexpected(std::move(error));
  }
  if (::rename(partial_path_.c_str(), final_path_.c_str()) != 0) {
    Error error = system_error("rename to", final_path_, errno);
    ::unlink(partial_path_.c_str());
    return std::unexpected(std::move(error));
  }
  sync_parent_folder(final_path_);
  return {};
}

Result<OutputFolder> OutputFolder::create(const std::filesystem::path& given_path) {
  std::filesystem::path path = without_trailing_slash(given_path);
  std::filesystem::path partial = partial_name(path);
  for (const auto& taken : {path, partial}) {
    std::error_code ignored;
    if (std::filesystem::exists(std::filesystem::symlink_status(taken, ignored))) {
      return invalid_input(fmt::format(
          "the output folder '{}' exists; nibble overwrites nothing: remove it or name another", taken.string()));
    }
  }
  std::error_code error;
  std::filesystem::create_directories(partial, error);
  if (error) return std::unexpected(system_error("create the folder", partial, error.value()));
  return OutputFolder(path, partial);
}

OutputFolder::OutputFolder(std::filesystem::path final_path, std::filesystem::path partial_path)
    : final_path_(std::move(final_path)), partial_path_(std::move(partial_path)) {}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : final_path_(std::move(other.final_path_)), partial_path_(std::exchange(other.partial_path_, {})) {}

OutputFolder::~OutputFolder() {
  if (partial_path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(partial_path_, ignored);
}

Status OutputFolder::commit() {
  if (::rename(partial_path_.c_str(), final_path_.c_str()) != 0) {
    return std::unexpected(system_error("rename to", final_path_, errno));
  }
  partial_path_.clear();
  sync_parent_folder(final_path_);
  return {};
}

Status write_file(const std::filesystem::path& path, std::string_view text) {
  ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  RETURN_IF_ERROR(file.write(text));
  return file.commit();
}

}  // namespace nibble
