#include "text/tokenizer.h"

#include <fmt/format.h>

#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer_encode.h"
#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;  // the largest published tokenizer.json have 35 MB
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 31;    // positions within a word are 32-bit numbers

Result<std::vector<TokenId>> encode_checked(const TokenizerModel& model, std::string_view text, AddedTokens added) {
  if (text.size() > kMaxTextBytes) {
    return invalid_input(fmt::format("text of {} bytes, more than {}: encode it in parts", text.size(), kMaxTextBytes));
  }
  if (auto offset = find_invalid_utf8(text)) {
    return invalid_input(fmt::format("text is not valid UTF-8 at byte {}", *offset));
  }
  return encode_text(model, text, added);
}

}  // namespace

struct Tokenizer::Impl {
  TokenizerModel model;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::read(const std::filesystem::path& folder) {
  std::filesystem::path path = folder / "tokenizer.json";
  ASSIGN_OR_RETURN(std::string text, read_file(path, kMaxFileBytes));
  ASSIGN_OR_RETURN_IN(path.string(), Tokenizer tokenizer, parse(text));
  return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(std::string_view tokenizer_json) {
  if (tokenizer_json.size() > kMaxFileBytes) {
    return invalid_input(
        fmt::format("{} bytes: a tokenizer.json has {} at most", tokenizer_json.size(), kMaxFileBytes));
  }
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(tokenizer_json));
  ASSIGN_OR_RETURN(TokenizerModel model, read_tokenizer_model(document.root()));
  return Tokenizer(std::make_unique<Impl>(Impl{std::move(model)}));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text) const {
  return encode_checked(impl_->model, text, AddedTokens::kFind);
}

Result<std::vector<TokenId>> Tokenizer::encode_plain(std::string_view text) const {
  return encode_checked(impl_->model, text, AddedTokens::kTreatAsText);
}

Result<std::string> Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string bytes;
  for (TokenId id : ids) {
    if (id < 0 || id >= vocab_size()) {
      return invalid_input(fmt::format("id {} is no token: expected 0 to {}", id, vocab_size() - 1));
    }
    if (!(skip_special && is_special(id))) bytes += token_bytes(id);
  }
  if (!find_invalid_utf8(bytes)) return bytes;
  std::string text;
  append_lossy_utf8(bytes, true, text);
  return text;
}

std::int64_t Tokenizer::vocab_size() const { return static_cast<std::int64_t>(impl_->model.vocabulary.size()); }

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const { return impl_->model.vocabulary.find(token); }

std::string_view Tokenizer::token_bytes(TokenId id) const {
  return id >= 0 && id < vocab_size() ? impl_->model.vocabulary.bytes(id) : std::string_view();
}

bool Tokenizer::is_added(TokenId id) const {
  return id >= 0 && id < vocab_size() && impl_->model.is_added[static_cast<std::size_t>(id)];
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && id < vocab_size() && impl_->model.is_special[static_cast<std::size_t>(id)];
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(&tokenizer), skip_special_(skip_special) {}

std::string StreamDecoder::push(TokenId id) {
  if (!(skip_special_ && tokenizer_->is_special(id))) pending_ += tokenizer_->token_bytes(id);
  std::string text;
  pending_.erase(0, append_lossy_utf8(pending_, false, text));
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  append_lossy_utf8(std::exchange(pending_, {}), true, text);
  return text;
}

}  // namespace nibble::text
