#include "text/tokenizer_vocabulary.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "text/tokenizer_hash.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

constexpr TokenId kFree = -1;
constexpr int kNoByte = -1;

constexpr bool spells_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

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
  slots_.assign(std::bit_ceil(2 * expected_tokens + 16), kFree);
}

TokenId Vocabulary::add(std::string_view spelling) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow();
  std::size_t slot = free_slot(spelling);
  auto id = static_cast<TokenId>(entries_.size());
  slots_[slot] = id;
  spellings_ += spelling;
  append_bytes(spelling);
  entries_.push_back({spellings_.size(), bytes_.size()});
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

std::size_t Vocabulary::free_slot(std::string_view spelling) const {
  std::size_t slot = hash_bytes(spelling) & (slots_.size() - 1);
  while (slots_[slot] != kFree) {
    NIBBLE_CHECK(this->spelling(slots_[slot]) != spelling);
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void Vocabulary::grow() {
  slots_.assign(2 * slots_.size(), kFree);
  for (std::size_t id = 0; id < entries_.size(); ++id) {
    slots_[free_slot(spelling(static_cast<TokenId>(id)))] = static_cast<TokenId>(id);
  }
}

std::optional<TokenId> Vocabulary::find(std::string_view spelling) const {
  std::size_t slot = hash_bytes(spelling) & (slots_.size() - 1);
  while (slots_[slot] != kFree) {
    if (this->spelling(slots_[slot]) == spelling) return slots_[slot];
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return std::nullopt;
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
