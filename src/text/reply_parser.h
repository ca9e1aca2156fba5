// Splits generated text, as it streams, into reasoning, content and tool calls (architecture §7.2).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/reply_parser_tool_call.h"

namespace nibble::text {

enum class ReplyPart { kReasoning, kContent };

class ReplyParser {
 public:
  // starts_in_reasoning: the prompt ended with an open <think>, so the reply begins inside it. Otherwise a reply that
  // opens with <think> reasons too.
  explicit ReplyParser(bool starts_in_reasoning);

  struct Piece {
    ReplyPart part;
    std::string text;
  };
  // What can be shown now. Text that may be the beginning of a tag waits, and so does white space that may turn out to
  // be the end of its part.
  std::vector<Piece> push(std::string_view text);
  // The rest. A tool call that never closed comes out as content: nothing is lost.
  std::vector<Piece> finish();

  // Calls completed so far. Their text is not part of the content; a call that does not keep to the form is.
  const std::vector<ToolCall>& tool_calls() const { return tool_calls_; }
  // The pieces of one part put together: without white space at its ends, as the template renders history.
  const std::string& reasoning() const { return reasoning_; }
  const std::string& content() const { return content_; }

 private:
  enum class State { kOpening, kReasoning, kContent, kToolCall };

  std::vector<Piece> consume(bool at_end);
  // Each takes what it can from waiting_ and says whether the next state can go on at once.
  bool consume_opening(bool at_end);
  bool consume_reasoning(bool at_end, std::vector<Piece>& pieces);
  bool consume_content(bool at_end, std::vector<Piece>& pieces);
  bool consume_tool_call(bool at_end, std::vector<Piece>& pieces);
  // Gives out the first `count` bytes of waiting_.
  void emit(ReplyPart part, std::size_t count, std::vector<Piece>& pieces);

  bool starts_in_reasoning_;
  State state_ = State::kOpening;
  std::string waiting_;     // received, not yet given out
  std::string held_space_;  // white space that followed the last piece of the current part
  ToolCallReader call_reader_;
  std::string reasoning_;
  std::string content_;
  std::vector<ToolCall> tool_calls_;
};

}  // namespace nibble::text
