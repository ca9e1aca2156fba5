#include <fmt/format.h>

#include <memory>

#include "base/json_writer.h"
#include "command.h"
#include "console.h"
#include "text/tokenizer.h"
#include "token_ids.h"

namespace nibble::apps {
namespace {

struct TokenizeOptions {
  std::string folder;
  bool decode = false;
  bool json = false;
};

std::string ids_text(const std::vector<TokenId>& ids, bool json) {
  if (!json) return fmt::format("{}\n", fmt::join(ids, " "));
  JsonWriter writer;
  writer.begin_array();
  for (TokenId id : ids) writer.value(id);
  writer.end_array();
  return std::move(writer).take() + "\n";
}

Status tokenize(const TokenizeOptions& options) {
  ASSIGN_OR_RETURN(auto tokenizer, text::Tokenizer::read(options.folder));
  ASSIGN_OR_RETURN(std::string input, read_standard_input());
  if (options.decode) {
    ASSIGN_OR_RETURN_IN("standard input", std::vector<TokenId> ids, parse_token_ids(input));
    ASSIGN_OR_RETURN_IN("standard input", std::string text, tokenizer.decode(ids));
    return print_result(options.json ? json_quote(text) + "\n" : text);
  }
  ASSIGN_OR_RETURN_IN("standard input", std::vector<TokenId> ids, tokenizer.encode(input));
  return print_result(ids_text(ids, options.json));
}

}  // namespace

void add_tokenize(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = app.add_subcommand("tokenize", "Turn text on standard input into token ids, or back");
  add_folder(*verb, options->folder, "model folder; only its tokenizer.json is read");
  verb->add_flag("--decode", options->decode, "read token ids, print their text");
  add_json(*verb, options->json);
  verb->footer(
      "Examples:\n"
      "  printf 'Hello, world' | nibble tokenize models/qwen36-tiny\n"
      "  echo 39 68 75 | nibble tokenize models/qwen36-tiny --decode");
  set_action(*verb, chosen, options, tokenize);
}

}  // namespace nibble::apps
