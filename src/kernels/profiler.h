// Where the time goes, operation by operation: every call of a kernels::… function, while a profile runs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nibble::kernels {

struct ProfileRow {
  std::string_view operation;  // "linear nvfp4", "causal_attention"; a literal
  std::uint64_t calls = 0;
  double seconds = 0;  // on the calling thread's clock, the work of all threads of a call inside
};

// Begins to count, from zero; while no profile runs, an operation pays one relaxed load.
void start_profile();
// Ends it: one row an operation that was called, the longest first.
std::vector<ProfileRow> stop_profile();

namespace internal {
extern std::atomic<bool> profiling;
void add_to_profile(std::string_view operation, std::chrono::steady_clock::duration elapsed);
}  // namespace internal

// Times its own life. The dispatch puts one around every operation.
class ProfileScope {
 public:
  // label() gives the operation's name; called only while a profile runs.
  template <typename Label>
  explicit ProfileScope(const Label& label) {
    if (!internal::profiling.load(std::memory_order_relaxed)) return;
    operation_ = label();
    start_ = std::chrono::steady_clock::now();
  }
  ~ProfileScope() {
    if (!operation_.empty()) internal::add_to_profile(operation_, std::chrono::steady_clock::now() - start_);
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  std::string_view operation_;  // empty: no profile ran at the start
  std::chrono::steady_clock::time_point start_;
};

}  // namespace nibble::kernels
