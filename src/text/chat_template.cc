#include "text/chat_template.h"

#include "base/file.h"
#include "text/jinja/template.h"

namespace nibble::text {
namespace {

// Official templates are about 8 KiB; tokenizer_config.json of old models is some hundred.
constexpr std::uint64_t kLargestTemplate = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestConfig = std::uint64_t{16} << 20;

constexpr std::string_view kTemplateFile = "chat_template.jinja";
constexpr std::string_view kConfigFile = "tokenizer_config.json";

std::unexpected<Error> no_template() {
  return fail(ErrorCode::kNotFound,
              "there is no chat template, neither chat_template.jinja nor \"chat_template\" in tokenizer_config.json");
}

// "chat_template" of tokenizer_config.json: the source, or a list of {"name", "template"} with one named "default".
Result<std::string> template_in_config(JsonView config) {
  JsonView member = config.find("chat_template");
  if (auto source = member.as_string()) return std::string(*source);
  for (std::size_t i = 0; i < member.size() && member.is_array(); ++i) {
    JsonView named = member.element(i);
    auto source = named.find("template").as_string();
    if (named.find("name").as_string() == "default" && source) return std::string(*source);
  }
  return fail(ErrorCode::kNotFound,
              "there is no chat template: neither chat_template.jinja nor \"chat_template\" here");
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::Template parsed;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  ASSIGN_OR_RETURN_IN("chat template", jinja::Template parsed, jinja::Template::parse(source));
  return ChatTemplate(std::make_unique<Impl>(Impl{std::move(parsed)}));
}

Result<ChatTemplate> ChatTemplate::read(const std::filesystem::path& folder) {
  std::filesystem::path file = folder / kTemplateFile;
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    ASSIGN_OR_RETURN(std::string source, read_file(file, kLargestTemplate));
    ASSIGN_OR_RETURN_IN(file.string(), ChatTemplate parsed, parse(source));
    return parsed;
  }
  std::filesystem::path config_file = folder / kConfigFile;
  if (!std::filesystem::exists(config_file, ignored)) {
    return std::unexpected(no_template().error().within(folder.string()));
  }
  ASSIGN_OR_RETURN(std::string text, read_file(config_file, kLargestConfig));
  ASSIGN_OR_RETURN_IN(config_file.string(), JsonDocument config, JsonDocument::parse(text));
  ASSIGN_OR_RETURN_IN(config_file.string(), std::string source, template_in_config(config.root()));
  ASSIGN_OR_RETURN_IN(config_file.string(), ChatTemplate parsed, parse(source));
  return parsed;
}

Result<std::string> ChatTemplate::render(JsonView variables) const {
  ASSIGN_OR_RETURN_IN("chat template", std::string text, impl_->parsed.render(variables));
  return text;
}

}  // namespace nibble::text
