// Splits generated text, as it streams, into reasoning, content and tool calls (architecture §7.2).
#pragma once

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

enum class ReplyPart { kReasoning, kContent };

class ReplyParser {
 public:
  // starts_in_reasoning: the prompt ended with an open <think>, so the reply begins inside it.
  explicit ReplyParser(bool starts_in_reasoning);

  struct Piece {
    ReplyPart part;
    std::string text;
  };
  // What can be shown now; text that may be the beginning of a tag waits.
  std::vector<Piece> push(std::string_view text);
  // The rest. A tool call that never closed comes out as content: nothing is lost.
  std::vector<Piece> finish();

  // Calls completed so far. Their text is not part of the content.
  const std::vector<ToolCall>& tool_calls() const { return tool_calls_; }
  // Everything seen so far of one part, white space trimmed at its ends as the template does when it renders history.
  std::string reasoning() const;
  std::string content() const;

 private:
  enum class State { kReasoning, kContent, kToolCall };
  void consume(bool at_end, std::vector<Piece>& pieces);
  void emit(ReplyPart part, std::string_view text, std::vector<Piece>& pieces);

  State state_;
  std::string waiting_;
  std::string reasoning_;
  std::string content_;
  std::vector<ToolCall> tool_calls_;
};

}  // namespace nibble::text
