#include "text/reply_parser_tool_call.h"

#include <algorithm>

namespace nibble::text {
namespace {

using Outcome = ToolCallReader::Outcome;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kValueEnd = "\n</parameter>";
constexpr std::size_t kLongestName = 256;  // bytes; what is longer is prose, and waiting for its end would hold it back

}  // namespace

Outcome ToolCallReader::read(std::string_view text) {
  while (true) {
    bool closing = step_ == Step::kClose;
    Outcome outcome = Outcome::kIncomplete;
    switch (step_) {
      case Step::kFunction: outcome = read_function(text); break;
      case Step::kParameterOrEnd: outcome = read_parameter_or_end(text); break;
      case Step::kValue: outcome = read_value(text); break;
      case Step::kClose: outcome = read_close(text); break;
    }
    if (outcome != Outcome::kComplete || closing) return outcome;
  }
}

Outcome ToolCallReader::read_function(std::string_view text) {
  Outcome outcome = read_named_tag(text, "<function=", ">", call_.name);
  if (outcome == Outcome::kComplete) step_ = Step::kParameterOrEnd;
  return outcome;
}

Outcome ToolCallReader::read_parameter_or_end(std::string_view text) {
  Outcome end = read_literal(text, "</function>");
  if (end == Outcome::kComplete) step_ = Step::kClose;
  if (end != Outcome::kMalformed) return end;

  std::string key;
  Outcome outcome = read_named_tag(text, "<parameter=", ">\n", key);
  if (outcome == Outcome::kComplete) {
    call_.arguments.emplace_back(std::move(key), std::string());
    step_ = Step::kValue;
    searched_ = at_ - 1;  // an empty value may share its line's end with the closing tag
  }
  return outcome;
}

Outcome ToolCallReader::read_value(std::string_view text) {
  std::size_t end = text.find(kValueEnd, searched_);
  if (end == std::string_view::npos) {
    if (text.size() >= searched_ + kValueEnd.size()) searched_ = text.size() - kValueEnd.size() + 1;
    return Outcome::kIncomplete;
  }
  if (end > at_) call_.arguments.back().second = text.substr(at_, end - at_);
  at_ = end + kValueEnd.size();
  step_ = Step::kParameterOrEnd;
  return Outcome::kComplete;
}

Outcome ToolCallReader::read_close(std::string_view text) { return read_literal(text, "</tool_call>"); }

// Skips white space and the literal.
Outcome ToolCallReader::read_literal(std::string_view text, std::string_view literal) {
  at_ = std::min(text.find_first_not_of(kSpace, at_), text.size());
  std::string_view rest = text.substr(at_, literal.size());
  if (!literal.starts_with(rest)) return Outcome::kMalformed;
  if (rest.size() < literal.size()) return Outcome::kIncomplete;
  at_ += literal.size();
  return Outcome::kComplete;
}

// Skips white space, the opening, a name and the closing; at_ stays before the opening until all is there.
Outcome ToolCallReader::read_named_tag(std::string_view text, std::string_view opening, std::string_view closing,
                                       std::string& name) {
  Outcome outcome = read_literal(text, opening);
  if (outcome != Outcome::kComplete) return outcome;
  std::size_t name_begin = at_;
  at_ -= opening.size();

  std::size_t name_end = std::min(text.find_first_of("<>\n", name_begin), text.size());
  if (name_end - name_begin > kLongestName) return Outcome::kMalformed;
  std::string_view rest = text.substr(name_end, closing.size());
  if (!closing.starts_with(rest)) return Outcome::kMalformed;
  if (rest.size() < closing.size()) return Outcome::kIncomplete;
  if (name_end == name_begin) return Outcome::kMalformed;
  name = text.substr(name_begin, name_end - name_begin);
  at_ = name_end + closing.size();
  return Outcome::kComplete;
}

}  // namespace nibble::text
