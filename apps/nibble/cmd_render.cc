#include <memory>

#include "base/json.h"
#include "base/json_writer.h"
#include "command.h"
#include "console.h"
#include "text/chat_template.h"

namespace nibble::apps {
namespace {

struct RenderOptions {
  std::string folder;
};

// A bare array is the messages; of an object every member is a variable of the template.
Result<std::string> template_variables(JsonView input) {
  if (!input.is_array() && !input.is_object()) {
    return invalid_input("expected an array of messages or an object of template variables, found " +
                         std::string(json_kind_name(input.kind())));
  }
  JsonWriter json;
  json.begin_object();
  if (input.is_array()) {
    json.key("messages");
    json.value(input);
  }
  for (std::size_t i = 0; input.is_object() && i < input.size(); ++i) {
    json.key(input.key(i));
    json.value(input.element(i));
  }
  if (!input.find("add_generation_prompt").exists()) json.member("add_generation_prompt", true);
  json.end_object();
  return std::move(json).take();
}

Status render(const RenderOptions& options) {
  ASSIGN_OR_RETURN(auto chat_template, text::ChatTemplate::read(options.folder));
  ASSIGN_OR_RETURN(std::string input, read_standard_input());
  ASSIGN_OR_RETURN_IN("standard input", JsonDocument document, JsonDocument::parse(input));
  ASSIGN_OR_RETURN_IN("standard input", std::string text, template_variables(document.root()));
  ASSIGN_OR_RETURN(JsonDocument variables, JsonDocument::parse(text));
  ASSIGN_OR_RETURN_IN(options.folder, std::string prompt, chat_template.render(variables.root()));
  return print_result(prompt);
}

}  // namespace

void add_render(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App* verb = app.add_subcommand("render", "Turn a JSON conversation on standard input into the model's prompt");
  add_folder(*verb, options->folder, "model folder; only its chat template is read");
  verb->footer(
      "Standard input is an array of messages, or an object whose members are the template's\n"
      "variables: messages, tools, enable_thinking, add_generation_prompt (true where absent), ...\n\n"
      "Examples:\n"
      "  echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | nibble render models/qwen36-tiny\n"
      "  nibble render models/qwen36-tiny < conversation.json");
  set_action(*verb, chosen, options, render);
}

}  // namespace nibble::apps
