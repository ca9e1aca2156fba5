#include "text/tokenizer_merges.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace nibble::text {
namespace {

constexpr std::uint32_t kNobody = ~std::uint32_t{0};
constexpr TokenId kGone = -1;  // the right half of a merge

// The lowest rank is merged first, the leftmost pair of those with one rank.
constexpr auto kLater = [](const auto& a, const auto& b) {
  return a.merge != b.merge ? a.merge > b.merge : a.position > b.position;
};

}  // namespace

MergeTable::MergeTable(std::size_t merges) : slots_(std::bit_ceil(2 * merges + 2)) {
  shift_ = 64 - std::countr_zero(slots_.size());
}

bool MergeTable::add(TokenId left, TokenId right, TokenId merged) {
  NIBBLE_CHECK(2 * (std::size_t{next_rank_} + 1) <= slots_.size());
  Pair pair = make_pair(left, right);
  std::size_t slot = home(pair);
  for (; slots_[slot].pair != kFree; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].pair == pair) return false;
  }
  slots_[slot] = {pair, std::uint64_t{next_rank_++} << 32 | static_cast<std::uint32_t>(merged)};
  return true;
}

void WordMerger::merge(std::span<const TokenId> word, std::vector<TokenId>& ids) {
  NIBBLE_CHECK(!word.empty() && word.size() < kNobody);
  list_symbols(word);
  list_candidates();
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), kLater);
    Candidate candidate = heap_.back();
    heap_.pop_back();
    // A candidate whose symbols have been merged with others since is passed over.
    if (merge_at(candidate.position) == candidate.merge) apply(candidate);
  }
  for (std::uint32_t i = 0; i != kNobody; i = symbols_[i].next) ids.push_back(symbols_[i].id);
}

void WordMerger::list_symbols(std::span<const TokenId> word) {
  symbols_.clear();
  std::uint32_t previous = kNobody;
  for (std::uint32_t i = 0; i < word.size(); ++i) {
    symbols_.push_back({word[i], previous, i + 1});
    previous = i;
  }
  symbols_.back().next = kNobody;
}

void WordMerger::list_candidates() {
  heap_.clear();
  for (std::uint32_t i = 0; i < symbols_.size(); ++i) {
    if (Merge merge = merge_at(i); merge != MergeTable::kNone) heap_.push_back({merge, i});
  }
  std::make_heap(heap_.begin(), heap_.end(), kLater);
}

void WordMerger::push_candidate(std::uint32_t position) {
  Merge merge = merge_at(position);
  if (merge == MergeTable::kNone) return;
  heap_.push_back({merge, position});
  std::push_heap(heap_.begin(), heap_.end(), kLater);
}

void WordMerger::apply(const Candidate& candidate) {
  Symbol& left = symbols_[candidate.position];
  Symbol& right = symbols_[left.next];
  left.id = MergeTable::merged(candidate.merge);
  left.next = right.next;
  right.id = kGone;
  if (left.next != kNobody) symbols_[left.next].previous = candidate.position;
  push_candidate(candidate.position);
  if (left.previous != kNobody) push_candidate(left.previous);
}

WordMerger::Merge WordMerger::merge_at(std::uint32_t position) const {
  const Symbol& symbol = symbols_[position];
  if (symbol.id == kGone || symbol.next == kNobody) return MergeTable::kNone;
  return merges_.find(symbol.id, symbols_[symbol.next].id);
}

}  // namespace nibble::text
