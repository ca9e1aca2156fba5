#include "checkpoint/written_ranges.h"

#include <iterator>

namespace nibble::checkpoint {

bool WrittenRanges::add(std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return true;
  auto next = ranges_.lower_bound(begin);
  if (next != ranges_.end() && next->first < end) return false;
  auto previous = next == ranges_.begin() ? ranges_.end() : std::prev(next);
  if (previous != ranges_.end() && previous->second > begin) return false;
  total_ += end - begin;
  if (next != ranges_.end() && next->first == end) {
    end = next->second;
    ranges_.erase(next);
  }
  if (previous != ranges_.end() && previous->second == begin) {
    previous->second = end;
  } else {
    ranges_.emplace(begin, end);
  }
  return true;
}

std::uint64_t WrittenRanges::first_gap() const {
  return ranges_.empty() || ranges_.begin()->first > 0 ? 0 : ranges_.begin()->second;
}

}  // namespace nibble::checkpoint
