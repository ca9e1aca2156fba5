// What tokenizer.json says, checked and in the form that encoding needs.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "text/tokenizer.h"
#include "text/tokenizer_added.h"
#include "text/tokenizer_merges.h"
#include "text/tokenizer_split.h"
#include "text/tokenizer_vocabulary.h"

namespace nibble::text {

struct TokenizerModel {
  Vocabulary vocabulary;              // base tokens, then added ones
  std::array<TokenId, 256> byte_ids;  // the token of each single byte
  MergeTable merges;
  bool ignore_merges;  // a word that is a token as a whole is never taken apart
  bool normalize_nfc;
  Splitter splitter;
  AddedTokenFinder raw_added;         // looked for in the text as it came
  AddedTokenFinder normalized_added;  // looked for in normalized text
  std::vector<bool> is_added;         // by id
  std::vector<bool> is_special;       // by id
};

// kUnsupported where the file asks for what encoding does not do exactly, kInvalidInput where it contradicts itself.
Result<TokenizerModel> read_tokenizer_model(JsonView tokenizer_json);

}  // namespace nibble::text
