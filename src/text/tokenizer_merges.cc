#include "text/tokenizer_merges.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace nibble::text {
namespace {

// Up to here looking at every pair for the next merge is faster than a heap (tokenizer_bench, words of N letters).
constexpr std::size_t kShortWord = 64;

constexpr std::uint32_t kNobody = ~std::uint32_t{0};
constexpr TokenId kGone = -1;  // the right half of a merge

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

void WordMerger::merge(std::span<const TokenId> symbols, std::vector<TokenId>& ids) {
  NIBBLE_CHECK(symbols.size() < kNobody);
  if (symbols.size() <= kShortWord) {
    merge_short(symbols, ids);
  } else {
    merge_long(symbols, ids);
  }
}

// Quadratic in the length of the word, but without a pointer to follow.
void WordMerger::merge_short(std::span<const TokenId> symbols, std::vector<TokenId>& ids) {
  short_symbols_.assign(symbols.begin(), symbols.end());
  short_merges_.assign(symbols.size(), MergeTable::kNone);  // of symbol i with symbol i + 1
  auto look_up = [this](std::size_t i) {
    bool last = i + 1 == short_symbols_.size();
    short_merges_[i] = last ? MergeTable::kNone : merges_.find(short_symbols_[i], short_symbols_[i + 1]);
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) look_up(i);
  while (!short_merges_.empty()) {
    auto best = std::min_element(short_merges_.begin(), short_merges_.end());
    if (*best == MergeTable::kNone) break;
    auto i = best - short_merges_.begin();
    short_symbols_[static_cast<std::size_t>(i)] = MergeTable::merged(*best);
    short_symbols_.erase(short_symbols_.begin() + i + 1);
    short_merges_.erase(short_merges_.begin() + i + 1);
    look_up(static_cast<std::size_t>(i));
    if (i > 0) look_up(static_cast<std::size_t>(i - 1));
  }
  ids.insert(ids.end(), short_symbols_.begin(), short_symbols_.end());
}

// A linked list of symbols and a heap of candidates. A candidate whose pair has changed since is passed over.
void WordMerger::merge_long(std::span<const TokenId> symbols, std::vector<TokenId>& ids) {
  auto later = [](const Candidate& a, const Candidate& b) {
    return a.merge != b.merge ? a.merge > b.merge : a.position > b.position;
  };
  auto count = static_cast<std::uint32_t>(symbols.size());
  long_symbols_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    long_symbols_.push_back({symbols[i], i == 0 ? kNobody : i - 1, i + 1 == count ? kNobody : i + 1});
  }
  heap_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (Merge merge = merge_at(i); merge != MergeTable::kNone) heap_.push_back({merge, i});
  }
  std::make_heap(heap_.begin(), heap_.end(), later);
  auto push = [&](std::uint32_t position) {
    Merge merge = merge_at(position);
    if (merge == MergeTable::kNone) return;
    heap_.push_back({merge, position});
    std::push_heap(heap_.begin(), heap_.end(), later);
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Candidate best = heap_.back();
    heap_.pop_back();
    if (merge_at(best.position) != best.merge) continue;
    Symbol& left = long_symbols_[best.position];
    Symbol& right = long_symbols_[left.next];
    left.id = MergeTable::merged(best.merge);
    left.next = right.next;
    right.id = kGone;
    if (left.next != kNobody) long_symbols_[left.next].previous = best.position;
    push(best.position);
    if (left.previous != kNobody) push(left.previous);
  }
  for (std::uint32_t i = 0; i != kNobody; i = long_symbols_[i].next) ids.push_back(long_symbols_[i].id);
}

WordMerger::Merge WordMerger::merge_at(std::uint32_t position) const {
  const Symbol& symbol = long_symbols_[position];
  if (symbol.id == kGone || symbol.next == kNobody) return MergeTable::kNone;
  return merges_.find(symbol.id, long_symbols_[symbol.next].id);
}

}  // namespace nibble::text
