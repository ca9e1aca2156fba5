// A progress line on standard error: rate and time left. Silent where standard error is not a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace nibble {

class Progress {
 public:
  // total in `unit`s, for instance 24'401'464 of "B" (bytes are printed as kB, MB, GB) or 512 of "tokens".
  Progress(std::string label, std::uint64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t amount);

 private:
  void draw();

  std::string label_;
  std::string unit_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool visible_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_drawn_;
};

// "24.4 MB": decimal units, three significant digits.
std::string format_bytes(std::uint64_t bytes);
// "34.7 B", in the units that people count parameters in: k, M, B, T.
std::string format_count(std::uint64_t count);

}  // namespace nibble
