#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace nibble {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "nibble: internal error: %s does not hold (%s:%d). Please report this.\n", condition, file,
               line);
  std::abort();
}

}  // namespace nibble
