#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <utility>

namespace nibble {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

std::string format_amount(double amount, const std::string& unit) {
  if (unit == "B") return format_bytes(static_cast<std::uint64_t>(amount));
  return fmt::format("{:.0f} {}", amount, unit);
}

// Three significant digits and the unit of the fitting power of 1000; below 1000 the whole number.
std::string three_digits(std::uint64_t amount, std::span<const char* const> units) {
  auto value = static_cast<double>(amount);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} {}", amount, units[0]);
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  return three_digits(bytes, kUnits);
}

std::string format_count(std::uint64_t count) {
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "B", "T"};
  return count < 1000 ? std::to_string(count) : three_digits(count, kUnits);
}

Progress::Progress(std::string label, std::uint64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      visible_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_drawn_(start_ - kRedrawInterval) {}

Progress::~Progress() {
  if (visible_) fmt::print(stderr, "\r\033[K");
}

void Progress::advance(std::uint64_t amount) {
  done_ = std::min(done_ + amount, total_);
  auto now = std::chrono::steady_clock::now();
  if (!visible_ || now - last_drawn_ < kRedrawInterval) return;
  last_drawn_ = now;
  draw();
}

void Progress::draw() {
  double seconds = std::chrono::duration<double>(last_drawn_ - start_).count();
  double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  std::string left = rate > 0 ? fmt::format("{:.0f} s left", static_cast<double>(total_ - done_) / rate) : "";
  fmt::print(stderr, "\r\033[K{}: {} of {}, {}/s, {}", label_, format_amount(static_cast<double>(done_), unit_),
             format_amount(static_cast<double>(total_), unit_), format_amount(rate, unit_), left);
  std::fflush(stderr);
}

}  // namespace nibble
