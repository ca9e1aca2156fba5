// Byte-level BPE as tokenizer.json describes it: the same ids as Hugging Face `tokenizers` gives.
//
// text → added tokens and what lies between (tokenizer_added.h) → form C (unicode.h) → words (tokenizer_split.h) →
// merged byte pairs (tokenizer_merges.h). tokenizer_encode.cc strings these together; tokenizer_model.cc reads the
// file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::text {

using TokenId = std::int32_t;

// Never changes once it is read: any number of threads may use one.
class Tokenizer {
 public:
  // DIR/tokenizer.json. kUnsupported where the file asks for what nibble does not implement exactly (another model
  // type, normalizer, pre-tokenizer, post-processor with effect): never a silent approximation.
  static Result<Tokenizer> read(const std::filesystem::path& folder);
  static Result<Tokenizer> parse(std::string_view tokenizer_json);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Added tokens in the text (<|im_start|>, …) become their ids, as in HF's encode(add_special_tokens=False).
  // text must be valid UTF-8; the error names the byte offset where it is not.
  Result<std::vector<TokenId>> encode(std::string_view text) const;
  // Added tokens are ordinary text here: for untrusted user content.
  Result<std::vector<TokenId>> encode_plain(std::string_view text) const;

  // The bytes of the ids, invalid sequences replaced by U+FFFD as HF's decode does. An id out of range is an error.
  // skip_special drops added tokens with "special": true.
  Result<std::string> decode(std::span<const TokenId> ids, bool skip_special = false) const;

  // One past the largest id.
  std::int64_t vocab_size() const;
  std::optional<TokenId> id_of(std::string_view token) const;  // vocabulary or added token, as spelled in the file
  // What one token adds to decoded text, as bytes (added tokens: their content); empty where the id is unused.
  std::string_view token_bytes(TokenId id) const;
  bool is_added(TokenId id) const;
  bool is_special(TokenId id) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Turns ids into text one at a time, never printing half a character: bytes of an incomplete UTF-8 sequence wait for
// the rest, and become U+FFFD when it does not come. All pieces together are what decode() gives; an id without a token
// (the model's vocabulary is padded) adds nothing.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false);
  std::string push(TokenId id);
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string pending_;
};

}  // namespace nibble::text
