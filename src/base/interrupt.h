// Ctrl-C as a polite request: the first one sets a flag that long loops poll, the second ends the program at once.
#pragma once

#include "base/error.h"

namespace nibble {

void install_interrupt_handler();

bool interrupted() noexcept;

// kInterrupted once the user asked to stop. Called between units of work that are short for a person (< 0.2 s).
Status check_interrupt();

}  // namespace nibble
