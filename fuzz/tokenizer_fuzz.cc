// A tokenizer.json, and behind the first byte 0xFF text and ids for it: no input may crash, lose text or decode in two
// ways. The text also goes through a fixed tokenizer, so that it need not wait for a file that parses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/json_writer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_vocabulary.h"
#include "text/unicode.h"

namespace nibble::text {
namespace {

// All bytes, a few merges, two added tokens.
std::string fixed_tokenizer_json() {
  JsonWriter json;
  json.begin_object();
  json.key("vocab");
  json.begin_object();
  std::int64_t next = 0;
  for (char32_t code_point : byte_alphabet()) {
    std::string spelling;
    append_utf8(code_point, spelling);
    json.member(spelling, next++);
  }
  for (const char* token : {"ab", "Ġa", "abab"}) json.member(token, next++);
  json.end_object();
  std::string vocab = std::move(json).take();
  vocab.erase(0, 1);  // the rest of the model follows
  return R"({"version": "1.0", "normalizer": {"type": "NFC"}, "decoder": {"type": "ByteLevel"}, "pre_tokenizer":
    {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)| ?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+"},
       "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
    "added_tokens": [{"id": 259, "content": "<a>", "special": true},
                     {"id": 260, "content": "é!", "special": false, "normalized": true}],
    "model": {"type": "BPE", "merges": ["a b", "Ġ a", "ab ab"], )" +
         vocab + "}}";
}

const Tokenizer& fixed_tokenizer() {
  static const Tokenizer tokenizer = [] {
    auto parsed = Tokenizer::parse(fixed_tokenizer_json());
    NIBBLE_CHECK(parsed);
    return *std::move(parsed);
  }();
  return tokenizer;
}

void decode_arbitrary_ids(const Tokenizer& tokenizer, std::string_view bytes) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    int value = static_cast<unsigned char>(bytes[i]) << 8 | static_cast<unsigned char>(bytes[i + 1]);
    ids.push_back(static_cast<TokenId>(value % tokenizer.vocab_size()));
  }
  for (bool skip_special : {false, true}) {
    auto text = tokenizer.decode(ids, skip_special);
    NIBBLE_CHECK(text && !find_invalid_utf8(*text));
    StreamDecoder decoder(tokenizer, skip_special);
    std::string streamed;
    for (TokenId id : ids) streamed += decoder.push(id);
    streamed += decoder.finish();
    NIBBLE_CHECK(streamed == *text);
  }
}

// Whatever the tokenizer: its ids are in range, and plain text survives up to normalization.
void round_trip(const Tokenizer& tokenizer, std::string_view text) {
  bool valid = !find_invalid_utf8(text);
  auto plain = tokenizer.encode_plain(text);
  auto marked = tokenizer.encode(text);
  NIBBLE_CHECK(valid || (!plain && !marked));
  if (plain) {
    auto decoded = tokenizer.decode(*plain);
    std::string storage;
    NIBBLE_CHECK(decoded && (*decoded == text || *decoded == normalize_nfc(text, storage)));
  }
  if (marked) NIBBLE_CHECK(tokenizer.decode(*marked).has_value());
}

}  // namespace
}  // namespace nibble::text

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nibble::text;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view json = input.substr(0, input.find('\xFF'));
  std::string_view text = json.size() < input.size() ? input.substr(json.size() + 1) : std::string_view();
  if (auto tokenizer = Tokenizer::parse(json)) {
    round_trip(*tokenizer, text);
    decode_arbitrary_ids(*tokenizer, text);
  }
  round_trip(fixed_tokenizer(), text);
  decode_arbitrary_ids(fixed_tokenizer(), text);
  return 0;
}
