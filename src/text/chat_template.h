// The checkpoint's own chat template, run by a sandboxed Jinja interpreter: messages in, prompt out.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace nibble::text {

class ChatTemplate {
 public:
  // DIR/chat_template.jinja, else "chat_template" of DIR/tokenizer_config.json (of a list, the one named "default").
  // kNotFound where neither exists.
  static Result<ChatTemplate> read(const std::filesystem::path& folder);
  // Errors name the line; kUnsupported for what needs other templates or Python (include, str.format, …).
  static Result<ChatTemplate> parse(std::string_view source);

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // variables: an object whose members become template variables: "messages", "tools", "add_generation_prompt",
  // "enable_thinking", …, as transformers' apply_chat_template passes them (trim_blocks and lstrip_blocks on).
  // raise_exception() of the template becomes an Error whose message() is the template's text; endless loops and
  // oversized output are errors too. Any number of threads may render at once.
  Result<std::string> render(JsonView variables) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nibble::text
