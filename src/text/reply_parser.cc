#include "text/reply_parser.h"

#include <algorithm>
#include <utility>

namespace nibble::text {
namespace {

constexpr std::string_view kThinkTag = "<think>";
constexpr std::string_view kThinkEndTag = "</think>";
constexpr std::string_view kSpace = " \t\n\v\f\r";

// Length of the longest end of text that is a beginning of tag, but not all of it.
std::size_t unfinished_tag(std::string_view text, std::string_view tag) {
  for (std::size_t length = std::min(text.size(), tag.size() - 1); length > 0; --length) {
    if (tag.starts_with(text.substr(text.size() - length))) return length;
  }
  return 0;
}

}  // namespace

ReplyParser::ReplyParser(bool starts_in_reasoning) : starts_in_reasoning_(starts_in_reasoning) {}

std::vector<ReplyParser::Piece> ReplyParser::push(std::string_view text) {
  waiting_ += text;
  return consume(false);
}

std::vector<ReplyParser::Piece> ReplyParser::finish() { return consume(true); }

std::vector<ReplyParser::Piece> ReplyParser::consume(bool at_end) {
  std::vector<Piece> pieces;
  while (true) {
    bool go_on = false;
    switch (state_) {
      case State::kOpening: go_on = consume_opening(at_end); break;
      case State::kReasoning: go_on = consume_reasoning(at_end, pieces); break;
      case State::kContent: go_on = consume_content(at_end, pieces); break;
      case State::kToolCall: go_on = consume_tool_call(at_end, pieces); break;
    }
    if (!go_on) return pieces;
  }
}

bool ReplyParser::consume_opening(bool at_end) {
  waiting_.erase(0, std::min(waiting_.find_first_not_of(kSpace), waiting_.size()));
  bool may_be_tag = waiting_.size() < kThinkTag.size() && kThinkTag.starts_with(waiting_);
  if (may_be_tag && !at_end) return false;
  bool has_tag = waiting_.starts_with(kThinkTag);
  if (has_tag) waiting_.erase(0, kThinkTag.size());
  state_ = starts_in_reasoning_ || has_tag ? State::kReasoning : State::kContent;
  return true;
}

bool ReplyParser::consume_reasoning(bool at_end, std::vector<Piece>& pieces) {
  std::size_t end = waiting_.find(kThinkEndTag);
  if (end == std::string::npos) {
    emit(ReplyPart::kReasoning, waiting_.size() - (at_end ? 0 : unfinished_tag(waiting_, kThinkEndTag)), pieces);
    return false;
  }
  emit(ReplyPart::kReasoning, end, pieces);
  waiting_.erase(0, kThinkEndTag.size());
  held_space_.clear();
  state_ = State::kContent;
  return true;
}

bool ReplyParser::consume_content(bool at_end, std::vector<Piece>& pieces) {
  std::size_t call = waiting_.find(kToolCallTag);
  if (call == std::string::npos) {
    emit(ReplyPart::kContent, waiting_.size() - (at_end ? 0 : unfinished_tag(waiting_, kToolCallTag)), pieces);
    return false;
  }
  emit(ReplyPart::kContent, call, pieces);
  call_reader_ = ToolCallReader();
  state_ = State::kToolCall;
  return true;
}

bool ReplyParser::consume_tool_call(bool at_end, std::vector<Piece>& pieces) {
  switch (call_reader_.read(waiting_)) {
    case ToolCallReader::Outcome::kIncomplete:
      if (at_end) emit(ReplyPart::kContent, waiting_.size(), pieces);
      return false;
    case ToolCallReader::Outcome::kComplete:
      waiting_.erase(0, call_reader_.position());
      tool_calls_.push_back(std::move(call_reader_).take());
      break;
    case ToolCallReader::Outcome::kMalformed: emit(ReplyPart::kContent, call_reader_.position(), pieces); break;
  }
  state_ = State::kContent;
  return true;
}

void ReplyParser::emit(ReplyPart part, std::size_t count, std::vector<Piece>& pieces) {
  std::string& whole = part == ReplyPart::kReasoning ? reasoning_ : content_;
  std::string_view text = std::string_view(waiting_).substr(0, count);
  if (whole.empty()) text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  std::size_t shown_end = text.find_last_not_of(kSpace) + 1;  // 0 where all is white space
  if (shown_end == 0) {
    held_space_ += text;
  } else {
    std::string shown = std::exchange(held_space_, text.substr(shown_end));
    shown += text.substr(0, shown_end);
    whole += shown;
    if (!pieces.empty() && pieces.back().part == part) {
      pieces.back().text += shown;
    } else {
      pieces.push_back({part, std::move(shown)});
    }
  }
  waiting_.erase(0, count);
}

}  // namespace nibble::text
