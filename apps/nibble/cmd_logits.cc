#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/file.h"
#include "base/progress.h"
#include "command.h"
#include "engine/session.h"
#include "npy_file.h"
#include "token_ids.h"

namespace nibble::apps {
namespace {

struct LogitsOptions {
  std::string folder;
  std::string ids;
  std::string output;
  int threads = 0;
};

// 64 rows of a 248,320-entry vocabulary are 64 MB.
constexpr std::size_t kTokensAtOnce = 64;

Status write_logits(const model::TextModel& model, std::span<const TokenId> tokens, NpyFile& file) {
  ASSIGN_OR_RETURN(auto state, model.new_state(static_cast<std::int64_t>(tokens.size())));
  std::vector<float> logits;
  Progress progress("computing logits", tokens.size(), "tokens");
  while (!tokens.empty()) {
    std::span<const TokenId> piece = tokens.first(std::min(kTokensAtOnce, tokens.size()));
    RETURN_IF_ERROR(model.forward(piece, *state, model::LogitsOf::kAllTokens, logits));
    RETURN_IF_ERROR(engine::check_logits(logits));
    RETURN_IF_ERROR(file.append(logits));
    tokens = tokens.subspan(piece.size());
    progress.advance(piece.size());
  }
  return file.commit();
}

Status logits(const LogitsOptions& options) {
  ASSIGN_OR_RETURN(std::string text, read_file(options.ids));
  ASSIGN_OR_RETURN_IN(options.ids, std::vector<TokenId> tokens, parse_token_ids(text));
  if (tokens.empty()) return invalid_input(fmt::format("'{}' holds no token id; one at least is needed", options.ids));
  ASSIGN_OR_RETURN(auto loaded, engine::load_model(options.folder, options.threads));
  const checkpoint::TextConfig& config = loaded.model->config();
  if (std::cmp_greater(tokens.size(), config.max_context)) {
    return invalid_input(fmt::format("'{}' holds {} tokens, the model's context {}; give fewer", options.ids,
                                     tokens.size(), config.max_context));
  }
  ASSIGN_OR_RETURN(NpyFile file,
                   NpyFile::create(options.output, static_cast<std::int64_t>(tokens.size()), config.vocab_size));
  RETURN_IF_ERROR_IN(options.ids, write_logits(*loaded.model, tokens, file));
  return {};
}

}  // namespace

void add_logits(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* verb = app.add_subcommand("logits", "Write the logits after each token of a sequence");
  add_folder(*verb, options->folder, "model folder");
  verb->add_option("--ids", options->ids, "token ids, decimal, separated by white space or commas")
      ->required()
      ->type_name("FILE");
  verb->add_option("-o,--output", options->output, "NumPy file to write: float32 [tokens, vocabulary]")
      ->required()
      ->type_name("X.npy");
  add_threads(*verb, options->threads);
  verb->footer(
      "Examples:\n"
      "  printf 'Hello' | nibble tokenize models/qwen36-tiny > ids.txt\n"
      "  nibble logits models/qwen36-tiny --ids ids.txt -o logits.npy");
  set_action(*verb, chosen, options, logits);
}

}  // namespace nibble::apps
