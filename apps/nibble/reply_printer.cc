#include "reply_printer.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "console.h"
#include "conversation.h"

namespace nibble::apps {

Status ReplyPrinter::print(const std::vector<text::ReplyParser::Piece>& pieces) {
  if (show_ == Show::kNothing) return {};
  for (const auto& piece : pieces) {
    if (piece.part == text::ReplyPart::kReasoning) {
      RETURN_IF_ERROR(print_reasoning(piece.text));
    } else {
      RETURN_IF_ERROR(end_reasoning());
      RETURN_IF_ERROR(print_result(piece.text));
    }
  }
  return {};
}

Status ReplyPrinter::print_reasoning(std::string_view text) {
  bool first = !std::exchange(in_reasoning_, true);
  if (show_ == Show::kReplyAndReasoning) return print_result(fmt::format("{}{}", first ? "<think>\n" : "", text));
  if (progress_is_terminal()) print_progress(fmt::format("\033[2m{}\033[0m", text));
  return {};
}

Status ReplyPrinter::end_reasoning() {
  if (!std::exchange(in_reasoning_, false)) return {};
  if (show_ == Show::kReplyAndReasoning) return print_result("\n</think>\n\n");
  if (progress_is_terminal()) print_progress("\n\n");
  return {};
}

Status ReplyPrinter::finish() {
  RETURN_IF_ERROR(print(parser_.finish()));
  if (show_ == Show::kNothing) return {};
  RETURN_IF_ERROR(end_reasoning());
  if (!parser_.content().empty()) RETURN_IF_ERROR(print_result("\n"));
  for (const text::ToolCall& call : parser_.tool_calls()) {
    JsonWriter json;
    write_tool_call(json, call);
    RETURN_IF_ERROR(print_result(std::move(json).take() + "\n"));
  }
  return {};
}

}  // namespace nibble::apps
