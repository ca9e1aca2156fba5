#include "token_ids.h"

#include <fmt/format.h>

#include <charconv>

namespace nibble::apps {

Result<std::vector<TokenId>> parse_token_ids(std::string_view text) {
  constexpr std::string_view kSeparators = " \t\r\n,[]";
  constexpr std::size_t kShown = 20;
  std::vector<TokenId> ids;
  for (std::size_t begin = text.find_first_not_of(kSeparators); begin != std::string_view::npos;) {
    std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    TokenId id = 0;
    auto parsed = std::from_chars(word.data(), word.data() + word.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || id < 0) {
      return invalid_input(fmt::format("expected a token id at byte {}, found {:?}", begin, word.substr(0, kShown)));
    }
    ids.push_back(id);
    begin = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

}  // namespace nibble::apps
