#include "kernels/profiler.h"

#include <algorithm>
#include <mutex>

namespace nibble::kernels {
namespace {

std::mutex mutex;  // guards rows
std::vector<ProfileRow> rows;

}  // namespace

namespace internal {

std::atomic<bool> profiling = false;

void add_to_profile(std::string_view operation, std::chrono::steady_clock::duration elapsed) {
  const std::scoped_lock lock(mutex);
  auto row = std::ranges::find(rows, operation, &ProfileRow::operation);
  if (row == rows.end()) row = rows.insert(rows.end(), ProfileRow{.operation = operation});
  ++row->calls;
  row->seconds += std::chrono::duration<double>(elapsed).count();
}

}  // namespace internal

void start_profile() {
  const std::scoped_lock lock(mutex);
  rows.clear();
  internal::profiling = true;
}

std::vector<ProfileRow> stop_profile() {
  internal::profiling = false;
  const std::scoped_lock lock(mutex);
  std::vector<ProfileRow> result = std::move(rows);
  rows.clear();
  std::ranges::sort(result, std::ranges::greater{}, &ProfileRow::seconds);
  return result;
}

}  // namespace nibble::kernels
