// The three standard streams: results on standard output, everything else on standard error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble::apps {

// Writes all of text to standard output at once: a result that could not be written is an error.
Status print_result(std::string_view text);

// True once print_result() failed because whoever read standard output has closed it: no fault, there is just nothing
// more to do.
bool result_reader_left();

// "nibble: text" on standard error.
void print_note(std::string_view text);

// Text on standard error as it is; faults are ignored, there is nobody left to tell.
void print_progress(std::string_view text);

bool input_is_terminal();
bool progress_is_terminal();

Result<std::string> read_standard_input(std::uint64_t max_bytes = std::uint64_t{1} << 30);

// Lines of standard input, as they come.
class LineReader {
 public:
  // The next line without its end; nullopt at the end of input; kInterrupted after Ctrl-C.
  Result<std::optional<std::string>> next();

 private:
  std::string waiting_;
  bool ended_ = false;
};

}  // namespace nibble::apps
