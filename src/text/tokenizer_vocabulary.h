// The tokens of a tokenizer: each has an id, a spelling (how tokenizer.json writes it) and bytes (what it stands for).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace nibble::text {

// ByteLevel's alphabet (GPT-2's bytes_to_unicode): the code point that spells each byte, all below U+0180.
std::array<char32_t, 256> byte_alphabet();

class Vocabulary {
 public:
  explicit Vocabulary(std::size_t expected_tokens);

  // Gives the spelling the next free id. The spelling must be new and well-formed UTF-8; all together are < 4 GiB.
  TokenId add(std::string_view spelling);

  std::size_t size() const { return entries_.size(); }
  std::optional<TokenId> find(std::string_view spelling) const;
  // Views hold until the next add().
  std::string_view spelling(TokenId id) const;
  std::string_view bytes(TokenId id) const;

 private:
  struct Entry {
    std::uint32_t spelling_end;
    std::uint32_t bytes_end;
  };

  static constexpr TokenId kFree = -1;
  // A part of the hash stands beside the id, so that a spelling is looked at only where it is probably the right one.
  struct Slot {
    TokenId id = kFree;
    std::uint32_t hash = 0;
  };

  void append_bytes(std::string_view spelling);
  // The slot that holds the spelling, or the free one where it belongs.
  std::size_t slot_of(std::string_view spelling, std::uint64_t hash) const;
  void grow();

  std::vector<Entry> entries_;  // by id; what an entry begins with ends the entry before it
  std::string spellings_;
  std::string bytes_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
};

}  // namespace nibble::text
