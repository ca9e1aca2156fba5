// Shows a chat reply while it comes.
#pragma once

#include <string_view>

#include "base/error.h"
#include "text/reply_parser.h"

namespace nibble::apps {

// Where the parts of a reply go: content and tool calls to standard output; reasoning, dimmed, to standard error if
// that is a terminal, or in <think> tags to standard output where asked for.
class ReplyPrinter {
 public:
  enum class Show { kReply, kReplyAndReasoning, kNothing };

  ReplyPrinter(bool starts_in_reasoning, Show show) : parser_(starts_in_reasoning), show_(show) {}

  Status push(std::string_view text) { return print(parser_.push(text)); }
  // The rest, then each tool call as a line of JSON.
  Status finish();

  const text::ReplyParser& reply() const { return parser_; }

 private:
  Status print(const std::vector<text::ReplyParser::Piece>& pieces);
  Status print_reasoning(std::string_view text);
  Status end_reasoning();

  text::ReplyParser parser_;
  Show show_;
  bool in_reasoning_ = false;
};

}  // namespace nibble::apps
