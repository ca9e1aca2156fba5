// Reads one tool call of the XML form (architecture §7.2) from text that is still growing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::text {

struct ToolCall {
  std::string name;
  // In order of appearance; values are the raw text between <parameter=KEY>\n and \n</parameter>.
  std::vector<std::pair<std::string, std::string>> arguments;
};

inline constexpr std::string_view kToolCallTag = "<tool_call>";

class ToolCallReader {
 public:
  enum class Outcome { kIncomplete, kComplete, kMalformed };

  // text begins with <tool_call>; each call passes the same text, possibly longer, and reading goes on where it
  // stopped. No further call after kComplete or kMalformed.
  Outcome read(std::string_view text);

  // Bytes read: the whole call where complete, what kept to the form where malformed.
  std::size_t position() const { return at_; }
  ToolCall take() && { return std::move(call_); }

 private:
  enum class Step { kFunction, kParameterOrEnd, kValue, kClose };

  Outcome read_function(std::string_view text);
  Outcome read_parameter_or_end(std::string_view text);
  Outcome read_value(std::string_view text);
  Outcome read_close(std::string_view text);
  Outcome read_literal(std::string_view text, std::string_view literal);
  Outcome read_named_tag(std::string_view text, std::string_view opening, std::string_view closing, std::string& name);

  Step step_ = Step::kFunction;
  std::size_t at_ = kToolCallTag.size();
  std::size_t searched_ = 0;  // no end of the current value begins before this
  ToolCall call_;
};

}  // namespace nibble::text
