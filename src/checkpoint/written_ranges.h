// Which bytes of a tensor have been written: the union of disjoint ranges, merged as they meet.
#pragma once

#include <cstdint>
#include <map>

namespace nibble::checkpoint {

class WrittenRanges {
 public:
  // Adds [begin, end), begin <= end; false, and nothing changes, where some of it was added before.
  bool add(std::uint64_t begin, std::uint64_t end);
  std::uint64_t total() const { return total_; }
  // The first byte that has not been added.
  std::uint64_t first_gap() const;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin to end; never adjacent
  std::uint64_t total_ = 0;
};

}  // namespace nibble::checkpoint
