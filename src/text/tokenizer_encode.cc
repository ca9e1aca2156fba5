#include "text/tokenizer_encode.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "text/tokenizer_hash.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

// Words repeat. This remembers where the ids of a word stand in the output, so that the next time they are copied. One
// place per hash: a newer word displaces an older one.
class RecentWords {
 public:
  explicit RecentWords(std::size_t text_bytes)
      : places_(std::bit_ceil(std::clamp(text_bytes / kBytesPerPlace, kFewest, kMost))) {}

  struct Place {
    std::string_view word;  // must outlive the encoding
    std::size_t first_id;   // of the output
    std::size_t id_count;
  };
  Place& place_of(std::string_view word) { return places_[hash_bytes(word) & (places_.size() - 1)]; }

 private:
  static constexpr std::size_t kBytesPerPlace = 8;
  static constexpr std::size_t kFewest = 16;
  static constexpr std::size_t kMost = 1 << 15;  // 1 MiB of places: more would leave the second-level cache

  std::vector<Place> places_;
};

class Encoding {
 public:
  Encoding(const TokenizerModel& model, std::size_t text_bytes)
      : model_(model), merger_(model.merges), recent_words_(text_bytes), alphabet_(byte_alphabet()) {
    ids_.reserve(text_bytes / 4 + 1);
  }

  Status add_text(std::string_view text) {
    return for_each_part(model_.raw_added, text, [this](std::string_view part) {
      return for_each_part(model_.normalized_added, normalized(part),
                           [this](std::string_view words) { return add_words(words); });
    });
  }

  Status add_plain_text(std::string_view text) { return add_words(normalized(text)); }

  std::vector<TokenId> take() && { return std::move(ids_); }

 private:
  // Adds the ids of the tokens found, and calls add_rest for what lies between them.
  Status for_each_part(const AddedTokenFinder& finder, std::string_view text, auto add_rest) {
    std::size_t done = 0;
    while (auto token = finder.find(text, done)) {
      if (token->begin > done) RETURN_IF_ERROR(add_rest(text.substr(done, token->begin - done)));
      ids_.push_back(token->id);
      done = token->end;
    }
    if (done < text.size()) RETURN_IF_ERROR(add_rest(text.substr(done)));
    return {};
  }

  std::string_view normalized(std::string_view text) {
    if (!model_.normalize_nfc) return text;
    std::string storage;
    std::string_view result = normalize_nfc(text, storage);
    if (result.data() != storage.data()) return result;
    return normalized_.emplace_back(std::move(storage));
  }

  Status add_words(std::string_view text) {
    return model_.splitter.split(text, [this](std::string_view word) { add_word(word); });
  }

  void add_word(std::string_view word) {
    RecentWords::Place& place = recent_words_.place_of(word);
    std::size_t first_id = ids_.size();
    if (place.word == word) {
      ids_.resize(first_id + place.id_count);
      std::copy_n(ids_.begin() + static_cast<std::ptrdiff_t>(place.first_id), place.id_count,
                  ids_.begin() + static_cast<std::ptrdiff_t>(first_id));
    } else {
      add_new_word(word);
    }
    place = {word, first_id, ids_.size() - first_id};
  }

  void add_new_word(std::string_view word) {
    if (model_.ignore_merges) {
      if (auto id = model_.vocabulary.find(spell(word))) {
        ids_.push_back(*id);
        return;
      }
    }
    symbols_.clear();
    for (char byte : word) symbols_.push_back(model_.byte_ids[static_cast<unsigned char>(byte)]);
    merger_.merge(symbols_, ids_);
  }

  std::string spell(std::string_view word) const {
    std::string spelling;
    for (char byte : word) append_utf8(alphabet_[static_cast<unsigned char>(byte)], spelling);
    return spelling;
  }

  const TokenizerModel& model_;
  WordMerger merger_;
  RecentWords recent_words_;
  std::array<char32_t, 256> alphabet_;
  std::vector<TokenId> symbols_;        // of the current word
  std::deque<std::string> normalized_;  // what recent words point into
  std::vector<TokenId> ids_;
};

}  // namespace

Result<std::vector<TokenId>> encode_text(const TokenizerModel& model, std::string_view text, AddedTokens added) {
  Encoding encoding(model, text.size());
  RETURN_IF_ERROR(added == AddedTokens::kFind ? encoding.add_text(text) : encoding.add_plain_text(text));
  return std::move(encoding).take();
}

}  // namespace nibble::text
