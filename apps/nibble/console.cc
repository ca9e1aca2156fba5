#include "console.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/interrupt.h"

namespace nibble::apps {
namespace {

bool reader_left = false;

// 0 or errno.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// Bytes that were there, none at the end of input. poll() returns on a signal, read() alone would be restarted; the
// time limit catches the signal that comes just before.
Result<std::string> read_some() {
  constexpr int kMilliseconds = 200;
  for (;;) {
    RETURN_IF_ERROR(check_interrupt());
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, kMilliseconds) <= 0) continue;
    std::array<char, 65536> buffer;
    ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return fail(ErrorCode::kEnvironment, fmt::format("cannot read standard input: {}", std::strerror(errno)));
    }
    return std::string(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Status print_result(std::string_view text) {
  int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return {};
  reader_left = error == EPIPE;
  return fail(ErrorCode::kEnvironment, fmt::format("cannot write to standard output: {}", std::strerror(error)));
}

bool result_reader_left() { return reader_left; }

void print_note(std::string_view text) { print_progress(fmt::format("nibble: {}\n", text)); }

void print_progress(std::string_view text) { write_all(STDERR_FILENO, text); }

bool input_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }

bool progress_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

Result<std::string> read_standard_input(std::uint64_t max_bytes) {
  std::string text;
  for (;;) {
    ASSIGN_OR_RETURN(std::string piece, read_some());
    if (piece.empty()) return text;
    text += piece;
    if (text.size() > max_bytes) {
      return invalid_input(
          fmt::format("standard input has more than the {} bytes that nibble takes at once; split it", max_bytes));
    }
  }
}

Result<std::optional<std::string>> LineReader::next() {
  std::size_t end = waiting_.find('\n');
  while (end == std::string::npos && !ended_) {
    ASSIGN_OR_RETURN(std::string piece, read_some());
    ended_ = piece.empty();
    waiting_ += piece;
    end = waiting_.find('\n');
  }
  if (end == std::string::npos && waiting_.empty()) return std::nullopt;
  std::string line = waiting_.substr(0, end);
  waiting_.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

}  // namespace nibble::apps
