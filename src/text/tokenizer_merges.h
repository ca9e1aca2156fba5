// Byte pair encoding: the symbols of one word are merged, pair by pair, in the order in which the merges were learned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace nibble::text {

// (left, right) -> (rank, merged), looked up once for every pair of neighbours that ever comes about.
class MergeTable {
 public:
  // The rank of a merge, and below it the id it gives, in one number: the smallest is merged first.
  using Merge = std::uint64_t;
  static constexpr Merge kNone = ~Merge{0};

  explicit MergeTable(std::size_t merges);

  // Gives the pair the next rank. False where it has one already.
  bool add(TokenId left, TokenId right, TokenId merged);

  Merge find(TokenId left, TokenId right) const {
    Pair pair = make_pair(left, right);
    for (std::size_t slot = home(pair);; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot].pair == pair) return slots_[slot].merge;
      if (slots_[slot].pair == kFree) return kNone;
    }
  }

  static TokenId merged(Merge merge) { return static_cast<TokenId>(merge & 0xFFFFFFFF); }

 private:
  using Pair = std::uint64_t;
  static constexpr Pair kFree = ~Pair{0};  // ids are not negative, so this is no pair
  struct Slot {
    Pair pair = kFree;
    Merge merge = kNone;
  };

  static Pair make_pair(TokenId left, TokenId right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t home(Pair pair) const {
    constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
    std::uint64_t hash = (pair ^ pair >> 29) * kMultiplier;
    return static_cast<std::size_t>(hash >> shift_);
  }

  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  int shift_;                // keeps the high bits of a hash that number the slots
  std::uint32_t next_rank_ = 0;
};

// Merges one word after another; keeps its memory between them. The symbols are a linked list and the pairs that may be
// merged a heap, so that a word of a million letters takes n log n steps.
class WordMerger {
 public:
  explicit WordMerger(const MergeTable& merges) : merges_(merges) {}

  // word: the ids of its bytes, fewer than 2^32 of them. Appends the ids of its tokens to ids.
  void merge(std::span<const TokenId> word, std::vector<TokenId>& ids);

 private:
  using Merge = MergeTable::Merge;
  struct Symbol {
    TokenId id;
    std::uint32_t previous;  // neighbours that still are symbols
    std::uint32_t next;
  };
  struct Candidate {
    Merge merge;
    std::uint32_t position;  // of the left symbol
  };

  void list_symbols(std::span<const TokenId> word);
  void list_candidates();
  void push_candidate(std::uint32_t position);
  void apply(const Candidate& candidate);
  // What would become of the symbol at position and its right neighbour.
  Merge merge_at(std::uint32_t position) const;

  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace nibble::text
