// A chat as the model's template wants it: messages in, prompt out, replies taken in again.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "text/chat_template.h"
#include "text/reply_parser.h"

namespace nibble::apps {

struct ConversationOptions {
  std::optional<std::string> system;
  std::optional<std::string> tools_json;  // an array, as the template's variable "tools"
  bool thinking = true;                   // false: "enable_thinking" is false; true leaves the choice to the template
};

class Conversation {
 public:
  static Result<Conversation> create(text::ChatTemplate chat_template, const ConversationOptions& options);

  // text must be valid UTF-8; the error names the byte where it is not.
  Status add_user(std::string_view text);
  Status add_reply(const text::ReplyParser& reply);

  // All messages so far, up to where the model is to speak.
  Result<std::string> prompt() const;

 private:
  explicit Conversation(text::ChatTemplate chat_template) : template_(std::move(chat_template)) {}

  Status add_text(std::string_view role, std::string_view content);
  Status add(const std::string& message_json);

  text::ChatTemplate template_;
  std::vector<JsonDocument> messages_;
  std::optional<JsonDocument> tools_;
  bool thinking_ = true;
};

// True where the prompt ends inside <think>, so that the reply begins with reasoning.
bool ends_in_reasoning(std::string_view prompt);

// {"name": …, "arguments": {…}}; of a parameter that the model gave twice, the first.
void write_tool_call(JsonWriter& json, const text::ToolCall& call);

}  // namespace nibble::apps
