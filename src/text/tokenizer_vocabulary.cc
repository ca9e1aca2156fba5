#include "text/tokenizer_vocabulary.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"
#include "text/tokenizer_hash.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

constexpr int kNoByte = -1;

constexpr bool spells_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

// The half of a hash that does not number the slots.
std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

// The other way round: the byte that a code point below U+0180 spells.
std::array<int, 0x180> byte_of_code_point() {
  std::array<int, 0x180> bytes;
  bytes.fill(kNoByte);
  auto alphabet = byte_alphabet();
  for (std::size_t byte = 0; byte < alphabet.size(); ++byte) bytes[alphabet[byte]] = static_cast<int>(byte);
  return bytes;
}

}  // namespace

std::array<char32_t, 256> byte_alphabet() {
  std::array<char32_t, 256> alphabet;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet[static_cast<std::size_t>(byte)] = spells_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return alphabet;
}

Vocabulary::Vocabulary(std::size_t expected_tokens) {
  entries_.reserve(expected_tokens);
  slots_.resize(std::bit_ceil(2 * expected_tokens + 16));
}

TokenId Vocabulary::add(std::string_view spelling) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow();
  std::uint64_t hash = hash_bytes(spelling);
  std::size_t slot = slot_of(spelling, hash);
  NIBBLE_CHECK(slots_[slot].id == kFree);
  auto id = static_cast<TokenId>(entries_.size());
  slots_[slot] = {id, tag(hash)};
  spellings_ += spelling;
  append_bytes(spelling);
  NIBBLE_CHECK(spellings_.size() <= std::numeric_limits<std::uint32_t>::max());  // and bytes_ is never longer
  entries_.push_back({static_cast<std::uint32_t>(spellings_.size()), static_cast<std::uint32_t>(bytes_.size())});
  return id;
}

// A spelling with a character outside the alphabet stands for its own UTF-8, as ByteLevel's decoder has it.
void Vocabulary::append_bytes(std::string_view spelling) {
  static const auto kBytes = byte_of_code_point();
  std::size_t begin = bytes_.size();
  for (std::size_t at = 0; at < spelling.size();) {
    Utf8Sequence sequence = read_utf8(spelling.substr(at));
    int byte = sequence.code_point < kBytes.size() ? kBytes[sequence.code_point] : kNoByte;
    if (byte == kNoByte) {
      bytes_.replace(begin, bytes_.size() - begin, spelling);
      return;
    }
    bytes_.push_back(static_cast<char>(byte));
    at += sequence.length;
  }
}

std::size_t Vocabulary::slot_of(std::string_view spelling, std::uint64_t hash) const {
  std::size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].id != kFree) {
    if (slots_[slot].hash == tag(hash) && this->spelling(slots_[slot].id) == spelling) break;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void Vocabulary::grow() {
  slots_.assign(2 * slots_.size(), Slot());
  for (TokenId id = 0; id < static_cast<TokenId>(entries_.size()); ++id) {
    std::uint64_t hash = hash_bytes(spelling(id));
    slots_[slot_of(spelling(id), hash)] = {id, tag(hash)};
  }
}

std::optional<TokenId> Vocabulary::find(std::string_view spelling) const {
  const Slot& slot = slots_[slot_of(spelling, hash_bytes(spelling))];
  if (slot.id == kFree) return std::nullopt;
  return slot.id;
}

std::string_view Vocabulary::spelling(TokenId id) const {
  auto index = static_cast<std::size_t>(id);
  std::size_t begin = index == 0 ? 0 : entries_[index - 1].spelling_end;
  return std::string_view(spellings_).substr(begin, entries_[index].spelling_end - begin);
}

std::string_view Vocabulary::bytes(TokenId id) const {
  auto index = static_cast<std::size_t>(id);
  std::size_t begin = index == 0 ? 0 : entries_[index - 1].bytes_end;
  return std::string_view(bytes_).substr(begin, entries_[index].bytes_end - begin);
}

}  // namespace nibble::text
