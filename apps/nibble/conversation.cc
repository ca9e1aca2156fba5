#include "conversation.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "text/unicode.h"

namespace nibble::apps {
namespace {

Status require_utf8(std::string_view text) {
  std::optional<std::size_t> invalid = text::find_invalid_utf8(text);
  if (!invalid) return {};
  return invalid_input(fmt::format("not valid UTF-8 at byte {}; convert the text to UTF-8", *invalid));
}

}  // namespace

Result<Conversation> Conversation::create(text::ChatTemplate chat_template, const ConversationOptions& options) {
  Conversation conversation(std::move(chat_template));
  conversation.thinking_ = options.thinking;
  if (options.system) {
    RETURN_IF_ERROR_IN("the system message", conversation.add_text("system", *options.system));
  }
  if (options.tools_json) {
    ASSIGN_OR_RETURN(JsonDocument tools, JsonDocument::parse(*options.tools_json));
    if (!tools.root().is_array()) return invalid_input("expected a JSON array of tools");
    conversation.tools_ = std::move(tools);
  }
  return conversation;
}

Status Conversation::add_user(std::string_view text) {
  RETURN_IF_ERROR_IN("the message", add_text("user", text));
  return {};
}

Status Conversation::add_reply(const text::ReplyParser& reply) {
  JsonWriter json;
  json.begin_object();
  json.member("role", "assistant");
  json.member("content", reply.content());
  if (!reply.reasoning().empty()) json.member("reasoning_content", reply.reasoning());
  if (!reply.tool_calls().empty()) {
    json.key("tool_calls");
    json.begin_array();
    for (const text::ToolCall& call : reply.tool_calls()) {
      json.begin_object();
      json.member("type", "function");
      json.key("function");
      write_tool_call(json, call);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return add(std::move(json).take());
}

Status Conversation::add_text(std::string_view role, std::string_view content) {
  RETURN_IF_ERROR(require_utf8(content));
  JsonWriter json;
  json.begin_object();
  json.member("role", role);
  json.member("content", content);
  json.end_object();
  return add(std::move(json).take());
}

Status Conversation::add(const std::string& message_json) {
  ASSIGN_OR_RETURN(JsonDocument message, JsonDocument::parse(message_json));
  messages_.push_back(std::move(message));
  return {};
}

Result<std::string> Conversation::prompt() const {
  JsonWriter json;
  json.begin_object();
  json.key("messages");
  json.begin_array();
  for (const JsonDocument& message : messages_) json.value(message.root());
  json.end_array();
  if (tools_) {
    json.key("tools");
    json.value(tools_->root());
  }
  json.member("add_generation_prompt", true);
  if (!thinking_) json.member("enable_thinking", false);
  json.end_object();
  ASSIGN_OR_RETURN(JsonDocument variables, JsonDocument::parse(std::move(json).take()));
  return template_.render(variables.root());
}

bool ends_in_reasoning(std::string_view prompt) {
  std::size_t open = prompt.rfind("<think>");
  std::size_t close = prompt.rfind("</think>");
  return open != std::string_view::npos && (close == std::string_view::npos || close < open);
}

void write_tool_call(JsonWriter& json, const text::ToolCall& call) {
  json.begin_object();
  json.member("name", call.name);
  json.key("arguments");
  json.begin_object();
  std::set<std::string_view> seen;
  for (const auto& [key, value] : call.arguments) {
    if (seen.insert(key).second) json.member(key, value);
  }
  json.end_object();
  json.end_object();
}

}  // namespace nibble::apps
