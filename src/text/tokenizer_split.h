// Cuts text into words with the Split expression of tokenizer.json, run by PCRE2.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace nibble::text {

class Splitter {
 public:
  // pattern in the dialect of tokenizer.json (tokenizer_pattern.h). kUnsupported also where it can match nothing.
  static Result<Splitter> compile(std::string_view pattern);

  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  // Calls visit for every match and for every stretch between matches, in order: together they are the text, which
  // must be valid UTF-8. An error means a pattern that takes more than time in proportion to the text on one match.
  // Safe to call from several threads at once.
  Status split(std::string_view text, const std::function<void(std::string_view word)>& visit) const;

 private:
  struct Code;
  explicit Splitter(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace nibble::text
