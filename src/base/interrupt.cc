#include "base/interrupt.h"

#include <csignal>

namespace nibble {
namespace {

volatile std::sig_atomic_t interrupt_count = 0;

void on_interrupt(int signal) {
  interrupt_count = interrupt_count + 1;
  if (interrupt_count > 1) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() noexcept { return interrupt_count > 0; }

Status check_interrupt() {
  if (interrupted()) return fail(ErrorCode::kInterrupted, "stopped on request; nothing partial was kept");
  return {};
}

}  // namespace nibble
