// NIBBLE_CHECK states what our own code guarantees. A failure is a bug of nibble, never of its input: it stops the
// program.
#pragma once

namespace nibble {

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace nibble

#define NIBBLE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::nibble::check_failed(#condition, __FILE__, __LINE__))
