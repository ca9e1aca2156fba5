// Finds added tokens (<|im_start|>, …) in text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace nibble::text {

class AddedTokenFinder {
 public:
  AddedTokenFinder() : nodes_(1) {}

  // content must not be empty. False where a token with that content is there already.
  bool add(std::string_view content, TokenId id);

  struct Match {
    std::size_t begin;
    std::size_t end;
    TokenId id;
  };
  // The leftmost token that begins at or after `from`, the longest of those that begin there.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  // A trie over bytes; the root is node 0.
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> children;
    std::optional<TokenId> id;  // of the token that ends here
  };
  const std::uint32_t* child(const Node& node, unsigned char byte) const;
  std::optional<Match> match_at(std::string_view text, std::size_t begin) const;

  std::vector<Node> nodes_;
  std::array<bool, 256> begins_token_{};
};

}  // namespace nibble::text
