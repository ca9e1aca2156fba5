#include "text/tokenizer_added.h"

#include <algorithm>

namespace nibble::text {

bool AddedTokenFinder::add(std::string_view content, TokenId id) {
  std::uint32_t at = 0;
  for (char character : content) {
    auto byte = static_cast<unsigned char>(character);
    if (const std::uint32_t* next = child(nodes_[at], byte)) {
      at = *next;
      continue;
    }
    auto created = static_cast<std::uint32_t>(nodes_.size());
    nodes_[at].children.emplace_back(byte, created);
    nodes_.emplace_back();
    at = created;
  }
  if (nodes_[at].id) return false;
  nodes_[at].id = id;
  begins_token_[static_cast<unsigned char>(content.front())] = true;
  return true;
}

const std::uint32_t* AddedTokenFinder::child(const Node& node, unsigned char byte) const {
  auto found = std::ranges::find(node.children, byte, [](const auto& edge) { return edge.first; });
  return found == node.children.end() ? nullptr : &found->second;
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!begins_token_[static_cast<unsigned char>(text[begin])]) continue;
    if (auto match = match_at(text, begin)) return match;
  }
  return std::nullopt;
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::match_at(std::string_view text, std::size_t begin) const {
  std::optional<Match> longest;
  std::uint32_t at = 0;
  for (std::size_t end = begin; end < text.size();) {
    const std::uint32_t* next = child(nodes_[at], static_cast<unsigned char>(text[end]));
    if (next == nullptr) break;
    at = *next;
    ++end;
    if (nodes_[at].id) longest = Match{begin, end, *nodes_[at].id};
  }
  return longest;
}

}  // namespace nibble::text
