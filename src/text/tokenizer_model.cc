#include "text/tokenizer_model.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "text/unicode.h"

namespace nibble::text {
namespace {

std::unexpected<Error> unsupported(std::string message) { return fail(ErrorCode::kUnsupported, std::move(message)); }

bool absent_or_null(JsonView view) { return !view.exists() || view.is_null(); }

// ---- settings that must have one value, because another one would give other ids ----

Status expect_flag(JsonView object, std::string_view key, bool value_if_absent, bool expected) {
  ASSIGN_OR_RETURN(bool value, optional_bool(object, key, value_if_absent));
  if (value != expected) return unsupported(fmt::format("'{}': {} is not supported, only {}", key, value, expected));
  return {};
}

Status expect_string(JsonView object, std::string_view key, std::string_view expected) {
  ASSIGN_OR_RETURN(std::string value, required_string(object, key));
  if (value != expected) {
    return unsupported(fmt::format("'{}': \"{}\" is not supported, only \"{}\"", key, value, expected));
  }
  return {};
}

Status expect_null(JsonView object, std::string_view key) {
  JsonView member = object.find(key);
  if (absent_or_null(member)) return {};
  return unsupported(fmt::format("'{}': expected null, found {}", key, json_kind_name(member.kind())));
}

Status expect_null_or_empty(JsonView object, std::string_view key) {
  if (object.find(key).as_string() == "") return {};
  return expect_null(object, key);
}

Result<bool> read_normalizer(JsonView root) {
  if (absent_or_null(root.find("normalizer"))) return false;
  RETURN_IF_ERROR_IN("normalizer", expect_string(root.find("normalizer"), "type", "NFC"));
  return true;
}

Result<Splitter> read_pre_tokenizer(JsonView pre_tokenizer) {
  RETURN_IF_ERROR(expect_string(pre_tokenizer, "type", "Sequence"));
  JsonView steps = pre_tokenizer.find("pretokenizers");
  if (steps.size() != 2) return unsupported("expected a Split and a ByteLevel step");
  JsonView split = steps.element(0);
  RETURN_IF_ERROR_IN("first step", expect_string(split, "type", "Split"));
  RETURN_IF_ERROR_IN("first step", expect_string(split, "behavior", "Isolated"));
  RETURN_IF_ERROR_IN("first step", expect_flag(split, "invert", false, false));
  JsonView byte_level = steps.element(1);
  RETURN_IF_ERROR_IN("second step", expect_string(byte_level, "type", "ByteLevel"));
  RETURN_IF_ERROR_IN("second step", expect_flag(byte_level, "add_prefix_space", true, false));
  RETURN_IF_ERROR_IN("second step", expect_flag(byte_level, "use_regex", true, false));
  std::optional<std::string_view> pattern = split.find("pattern").find("Regex").as_string();
  if (!pattern) return unsupported("first step: expected a pattern of the form {\"Regex\": \"…\"}");
  return Splitter::compile(*pattern);
}

// Everything around the model. A post-processor ByteLevel only moves offsets, which nibble does not report.
Status check_surroundings(JsonView root) {
  RETURN_IF_ERROR(expect_string(root, "version", "1.0"));
  RETURN_IF_ERROR(expect_null(root, "truncation"));
  RETURN_IF_ERROR(expect_null(root, "padding"));
  if (!absent_or_null(root.find("post_processor"))) {
    RETURN_IF_ERROR_IN("post_processor", expect_string(root.find("post_processor"), "type", "ByteLevel"));
  }
  RETURN_IF_ERROR_IN("decoder", expect_string(root.find("decoder"), "type", "ByteLevel"));
  return {};
}

Status check_model_settings(JsonView model) {
  RETURN_IF_ERROR(expect_string(model, "type", "BPE"));
  if (model.find("dropout").as_double() != 0.0) RETURN_IF_ERROR(expect_null(model, "dropout"));
  RETURN_IF_ERROR(expect_null(model, "unk_token"));
  RETURN_IF_ERROR(expect_null_or_empty(model, "continuing_subword_prefix"));
  RETURN_IF_ERROR(expect_null_or_empty(model, "end_of_word_suffix"));
  return expect_flag(model, "byte_fallback", false, false);
}

// ---- the tables ----

// Ids must be 0 … n-1, each once: `tokenizers` counts added tokens from n on, whatever number the file gives them.
Result<Vocabulary> read_vocabulary(JsonView vocab) {
  if (!vocab.is_object())
    return invalid_input(fmt::format("expected an object, found {}", json_kind_name(vocab.kind())));
  constexpr auto kMostTokens = static_cast<std::size_t>(std::numeric_limits<TokenId>::max());
  if (vocab.size() > kMostTokens) return invalid_input(fmt::format("{} tokens are more than ids", vocab.size()));
  std::vector<std::string_view> spellings(vocab.size());
  std::vector<bool> seen(vocab.size());
  for (std::size_t i = 0; i < vocab.size(); ++i) {
    std::optional<std::uint64_t> id = vocab.element(i).as_unsigned();
    if (!id || *id >= vocab.size()) {
      return invalid_input(fmt::format(
          "token \"{}\": expected an id from 0 to {} (as many as there are tokens), found {}", vocab.key(i),
          vocab.size() - 1, id ? fmt::to_string(*id) : std::string(json_kind_name(vocab.element(i).kind()))));
    }
    if (seen[*id]) {
      return invalid_input(fmt::format("id {} belongs to both \"{}\" and \"{}\"", *id, spellings[*id], vocab.key(i)));
    }
    seen[*id] = true;
    spellings[*id] = vocab.key(i);
  }
  Vocabulary vocabulary(vocab.size());
  for (std::string_view spelling : spellings) vocabulary.add(spelling);
  return vocabulary;
}

// Without a token for every byte `tokenizers` drops text silently.
Result<std::array<TokenId, 256>> find_byte_ids(const Vocabulary& vocabulary) {
  std::array<TokenId, 256> ids{};
  auto alphabet = byte_alphabet();
  for (std::size_t byte = 0; byte < ids.size(); ++byte) {
    std::string spelling;
    append_utf8(alphabet[byte], spelling);
    auto id = vocabulary.find(spelling);
    if (!id) return unsupported(fmt::format("byte {:#04x} has no token (\"{}\")", byte, spelling));
    ids[byte] = *id;
  }
  return ids;
}

struct Halves {
  std::string_view left;
  std::string_view right;
};

// "left right" or ["left", "right"].
std::optional<Halves> read_halves(JsonView merge) {
  if (auto text = merge.as_string()) {
    std::size_t space = text->find(' ');
    if (space == std::string_view::npos || text->find(' ', space + 1) != std::string_view::npos) return std::nullopt;
    return Halves{text->substr(0, space), text->substr(space + 1)};
  }
  auto left = merge.element(0).as_string();
  auto right = merge.element(1).as_string();
  if (!merge.is_array() || merge.size() != 2 || !left || !right) return std::nullopt;
  return Halves{*left, *right};
}

Result<MergeTable> read_merges(JsonView merges, const Vocabulary& vocabulary) {
  if (!merges.is_array())
    return invalid_input(fmt::format("expected an array, found {}", json_kind_name(merges.kind())));
  if (merges.size() > std::numeric_limits<std::uint32_t>::max()) return invalid_input("more merges than ranks");
  MergeTable table(merges.size());
  std::string both;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    auto halves = read_halves(merges.element(i));
    if (!halves) return invalid_input(fmt::format("merge {}: expected \"left right\" or [\"left\", \"right\"]", i));
    both.assign(halves->left).append(halves->right);
    std::array<std::string_view, 3> spellings = {halves->left, halves->right, both};
    std::array<TokenId, 3> ids{};
    for (std::size_t part = 0; part < spellings.size(); ++part) {
      auto id = vocabulary.find(spellings[part]);
      if (!id) return invalid_input(fmt::format("merge {}: \"{}\" is not in the vocabulary", i, spellings[part]));
      ids[part] = *id;
    }
    if (!table.add(ids[0], ids[1], ids[2])) {
      return invalid_input(fmt::format("merge {}: \"{}\" + \"{}\" stands twice", i, halves->left, halves->right));
    }
  }
  return table;
}

struct AddedToken {
  TokenId id;
  std::string content;
  bool special;
  bool normalized;
};

Result<AddedToken> read_added_token(JsonView token) {
  AddedToken added;
  ASSIGN_OR_RETURN(std::int64_t id, required_integer(token, "id", 0, std::numeric_limits<TokenId>::max()));
  added.id = static_cast<TokenId>(id);
  ASSIGN_OR_RETURN(added.content, required_string(token, "content"));
  if (added.content.empty()) return invalid_input("'content' is empty");
  for (std::string_view flag : {"single_word", "lstrip", "rstrip"}) {
    RETURN_IF_ERROR(expect_flag(token, flag, false, false));
  }
  ASSIGN_OR_RETURN(added.special, optional_bool(token, "special", false));
  ASSIGN_OR_RETURN(added.normalized, optional_bool(token, "normalized", !added.special));
  return added;
}

// An added token that is in the vocabulary keeps its id there; the others count on from the vocabulary's end.
Status add_token(const AddedToken& token, TokenizerModel& model) {
  auto known = model.vocabulary.find(token.content);
  TokenId expected = known ? *known : static_cast<TokenId>(model.vocabulary.size());
  if (token.id != expected) {
    return invalid_input(fmt::format("expected id {} ({}), found {}", expected,
                                     known ? "its id in the vocabulary" : "the first free one", token.id));
  }
  if (!known) {
    model.vocabulary.add(token.content);
    model.is_added.push_back(false);
    model.is_special.push_back(false);
  }
  std::string storage;
  bool normalize = token.normalized && model.normalize_nfc;
  std::string_view content = normalize ? normalize_nfc(token.content, storage) : token.content;
  AddedTokenFinder& finder = token.normalized ? model.normalized_added : model.raw_added;
  auto index = static_cast<std::size_t>(token.id);
  if (model.is_added[index] || !finder.add(content, token.id)) return invalid_input("it stands twice");
  model.is_added[index] = true;
  model.is_special[index] = token.special;
  return {};
}

}  // namespace

Result<TokenizerModel> read_tokenizer_model(JsonView root) {
  if (!root.is_object()) return invalid_input(fmt::format("expected an object, found {}", json_kind_name(root.kind())));
  RETURN_IF_ERROR(check_surroundings(root));
  JsonView model = root.find("model");
  RETURN_IF_ERROR_IN("model", check_model_settings(model));
  ASSIGN_OR_RETURN(bool nfc, read_normalizer(root));
  ASSIGN_OR_RETURN_IN("pre_tokenizer", Splitter splitter, read_pre_tokenizer(root.find("pre_tokenizer")));
  ASSIGN_OR_RETURN_IN("model", bool ignore_merges, optional_bool(model, "ignore_merges", false));
  ASSIGN_OR_RETURN_IN("model.vocab", Vocabulary vocabulary, read_vocabulary(model.find("vocab")));
  ASSIGN_OR_RETURN_IN("model.vocab", auto byte_ids, find_byte_ids(vocabulary));
  ASSIGN_OR_RETURN_IN("model.merges", MergeTable merges, read_merges(model.find("merges"), vocabulary));
  std::size_t base_tokens = vocabulary.size();
  TokenizerModel result{.vocabulary = std::move(vocabulary),
                        .byte_ids = byte_ids,
                        .merges = std::move(merges),
                        .ignore_merges = ignore_merges,
                        .normalize_nfc = nfc,
                        .splitter = std::move(splitter),
                        .raw_added = {},
                        .normalized_added = {},
                        .is_added = std::vector<bool>(base_tokens),
                        .is_special = std::vector<bool>(base_tokens)};
  JsonView added = root.find("added_tokens");
  for (std::size_t i = 0; i < added.size(); ++i) {
    ASSIGN_OR_RETURN_IN(fmt::format("added token {}", i), AddedToken token, read_added_token(added.element(i)));
    RETURN_IF_ERROR_IN(fmt::format("added token \"{}\"", token.content), add_token(token, result));
  }
  return result;
}

}  // namespace nibble::text
