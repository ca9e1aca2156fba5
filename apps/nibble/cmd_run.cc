#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <random>

#include "base/file.h"
#include "base/json_writer.h"
#include "command.h"
#include "console.h"
#include "conversation.h"
#include "engine/session.h"
#include "reply_printer.h"

namespace nibble::apps {
namespace {

using engine::FinishReason;
using engine::GenerationResult;
using engine::SamplingOptions;

constexpr std::int64_t kDefaultContext = 32768;

struct RunOptions {
  std::string folder;
  std::optional<std::string> prompt;
  bool raw = false;
  std::optional<std::string> system;
  std::string tools;
  bool no_thinking = false;
  bool show_thinking = false;
  std::optional<std::int64_t> max_tokens;
  std::optional<std::int64_t> context;
  std::optional<double> temperature, top_p, min_p, presence_penalty;
  std::optional<std::int64_t> top_k;
  std::optional<std::uint64_t> seed;
  bool greedy = false;
  int threads = 0;
  bool json = false;
};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

// What the user asked for, else what generation_config.json says.
SamplingOptions sampling_options(const RunOptions& given, const checkpoint::GenerationConfig& model) {
  SamplingOptions options;
  options.temperature = given.greedy ? 0 : given.temperature.value_or(model.do_sample ? model.temperature : 0);
  options.top_k = given.top_k.value_or(model.top_k);
  options.top_p = given.top_p.value_or(model.top_p);
  options.min_p = given.min_p.value_or(0);
  options.presence_penalty = given.presence_penalty.value_or(0);
  options.seed = given.seed ? *given.seed : random_seed();
  return options;
}

const char* finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStopToken: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kContextFull: return "context_full";
  }
  return "";
}

// One model and one conversation with it.
class Runner {
 public:
  static Result<std::unique_ptr<Runner>> create(const RunOptions& options) {
    ASSIGN_OR_RETURN(auto model, engine::load_model(options.folder, options.threads));
    std::int64_t longest = model.model->config().max_context;
    std::int64_t context = options.context.value_or(std::min(longest, kDefaultContext));
    SamplingOptions sampling = sampling_options(options, model.generation);
    std::unique_ptr<Runner> runner(new Runner(options, std::move(model), sampling));
    ASSIGN_OR_RETURN(runner->session_, engine::Session::create(runner->model_, context));
    return runner;
  }

  Status complete_text();
  Status answer(Conversation& conversation);

 private:
  Runner(const RunOptions& options, engine::LoadedModel model, const SamplingOptions& sampling)
      : options_(&options), model_(std::move(model)), sampling_(sampling) {}

  Result<GenerationResult> generate(const std::string& prompt, const engine::TextSink& on_text);
  void write_result(JsonWriter& json, const GenerationResult& result) const;

  const RunOptions* options_;
  engine::LoadedModel model_;
  std::optional<engine::Session> session_;
  SamplingOptions sampling_;
};

Result<GenerationResult> Runner::generate(const std::string& prompt, const engine::TextSink& on_text) {
  std::int64_t max_tokens = options_->max_tokens.value_or(std::numeric_limits<std::int64_t>::max());
  auto result = session_->generate(prompt, sampling_, max_tokens, on_text);
  // Another turn is another draw.
  ++sampling_.seed;
  if (result && result->finish == FinishReason::kContextFull) {
    print_note("the context is full, so the reply ends here; --context makes room for more");
  }
  return result;
}

void Runner::write_result(JsonWriter& json, const GenerationResult& result) const {
  json.member("finish_reason", finish_name(result.finish));
  json.member("prompt_tokens", result.prompt_tokens);
  json.member("completion_tokens", result.tokens.size());
  json.member("prefill_seconds", result.prefill_seconds);
  json.member("decode_seconds", result.decode_seconds);
}

Status Runner::complete_text() {
  std::string prompt;
  if (options_->prompt) {
    prompt = *options_->prompt;
  } else {
    ASSIGN_OR_RETURN(prompt, read_standard_input());
  }
  auto show = [this](std::string_view text) { return options_->json ? Status() : print_result(text); };
  ASSIGN_OR_RETURN(GenerationResult result, generate(prompt, show));
  if (!options_->json) return print_result("\n");
  JsonWriter json(2);
  json.begin_object();
  json.member("text", result.text);
  write_result(json, result);
  json.end_object();
  return print_result(std::move(json).take() + "\n");
}

// Lets the model speak next, shows what it says and adds it to the conversation.
Status Runner::answer(Conversation& conversation) {
  ASSIGN_OR_RETURN_IN(options_->folder, std::string prompt, conversation.prompt());
  auto show = options_->json            ? ReplyPrinter::Show::kNothing
              : options_->show_thinking ? ReplyPrinter::Show::kReplyAndReasoning
                                        : ReplyPrinter::Show::kReply;
  ReplyPrinter printer(ends_in_reasoning(prompt), show);
  ASSIGN_OR_RETURN(GenerationResult result,
                   generate(prompt, [&](std::string_view text) { return printer.push(text); }));
  RETURN_IF_ERROR(printer.finish());
  RETURN_IF_ERROR(conversation.add_reply(printer.reply()));
  if (!options_->json) return {};

  JsonWriter json(2);
  json.begin_object();
  json.member("content", printer.reply().content());
  json.member("reasoning", printer.reply().reasoning());
  json.key("tool_calls");
  json.begin_array();
  for (const text::ToolCall& call : printer.reply().tool_calls()) write_tool_call(json, call);
  json.end_array();
  write_result(json, result);
  json.end_object();
  return print_result(std::move(json).take() + "\n");
}

Result<Conversation> open_conversation(const RunOptions& options) {
  ConversationOptions wanted{.system = options.system, .tools_json = {}, .thinking = !options.no_thinking};
  if (!options.tools.empty()) {
    ASSIGN_OR_RETURN(wanted.tools_json, read_file(options.tools));
  }
  ASSIGN_OR_RETURN(auto chat_template, text::ChatTemplate::read(options.folder));
  ASSIGN_OR_RETURN_IN(options.tools.empty() ? options.folder : options.tools, auto conversation,
                      Conversation::create(std::move(chat_template), wanted));
  return conversation;
}

// A line is a message, until /exit or the end of input.
Status chat(Runner& runner, Conversation& conversation) {
  bool prompts = input_is_terminal() && progress_is_terminal();
  LineReader lines;
  for (;;) {
    if (prompts) print_progress("> ");
    ASSIGN_OR_RETURN(std::optional<std::string> line, lines.next());
    if (!line && prompts) print_progress("\n");
    if (!line || *line == "/exit") return {};
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    RETURN_IF_ERROR(conversation.add_user(*line));
    RETURN_IF_ERROR(runner.answer(conversation));
  }
}

Status talk(const RunOptions& options) {
  std::optional<Conversation> conversation;
  if (!options.raw) {
    ASSIGN_OR_RETURN(conversation, open_conversation(options));
    if (options.prompt) RETURN_IF_ERROR(conversation->add_user(*options.prompt));
  }
  ASSIGN_OR_RETURN(auto runner, Runner::create(options));
  if (options.raw) return runner->complete_text();
  return options.prompt ? runner->answer(*conversation) : chat(*runner, *conversation);
}

Status run_model(const RunOptions& options) {
  Status status = talk(options);
  if (status || status.error().code() != ErrorCode::kInterrupted) return status;
  // What was said so far stays on the screen: the message starts on a line of its own, and promises nothing else.
  if (progress_is_terminal()) print_progress("\n");
  return fail(ErrorCode::kInterrupted, "stopped on request");
}

void add_sampling(CLI::App& verb, RunOptions& options) {
  auto* temperature =
      verb.add_option("--temperature", options.temperature, "0 to 2; 0 takes the most likely token")->type_name("X");
  verb.add_option("--top-k", options.top_k, "draw from the N most likely tokens, 0 from all")->type_name("N");
  verb.add_option("--top-p", options.top_p, "draw from the likeliest tokens that hold probability X")->type_name("X");
  verb.add_option("--min-p", options.min_p, "drop tokens below X of the most likely one's probability")->type_name("X");
  verb.add_option("--presence-penalty", options.presence_penalty, "-2 to 2, off the logit of tokens already used")
      ->type_name("X");
  verb.add_option("--seed", options.seed, "the same seed gives the same reply (default: random)")->type_name("N");
  verb.add_flag("--greedy", options.greedy, "always the most likely token")->excludes(temperature);
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* verb = app.add_subcommand("run", "Chat with a model, or let it complete a text");
  add_folder(*verb, options->folder, "model folder");
  auto* prompt =
      verb->add_option("-p,--prompt", options->prompt, "what to say (default: a chat, one message a line, until /exit)")
          ->type_name("PROMPT");
  auto* raw = verb->add_flag("--raw", options->raw, "complete PROMPT, or all of standard input, without a template");
  verb->add_option("--system", options->system, "system message")->type_name("TEXT")->excludes(raw);
  verb->add_option("--tools", options->tools, "JSON array of the functions that the model may call")
      ->type_name("FILE")
      ->excludes(raw);
  verb->add_flag("--no-thinking", options->no_thinking, "answer without reasoning first")->excludes(raw);
  verb->add_flag("--show-thinking", options->show_thinking, "print the reasoning too, in <think> tags")->excludes(raw);
  verb->add_option("--max-tokens", options->max_tokens, "stop after N tokens (default: when the context is full)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  verb->add_option("--context", options->context,
                   "tokens of prompt and reply together (default: the model's,\nat most 32768)")
      ->type_name("N");
  add_sampling(*verb, *options);
  add_threads(*verb, options->threads);
  verb->add_flag("--json", options->json, "print the reply as JSON, at its end")->needs(prompt);
  verb->footer(
      "Sampling options not given are those of the model's generation_config.json. The reply goes to\n"
      "standard output; reasoning is shown on standard error where that is a terminal. A function that\n"
      "the model calls is printed as a line of JSON.\n\n"
      "Examples:\n"
      "  nibble run models/qwen36-tiny\n"
      "  nibble run models/qwen36-tiny -p 'What is the opposite of early?' --no-thinking --greedy\n"
      "  nibble run models/qwen36-tiny --raw -p 'Once upon a time' --max-tokens 40 --seed 1");
  // The ranges are the sampler's; a wrong option is a mistake in the command, found before anything is loaded.
  verb->parse_complete_callback([options] {
    Status status = engine::validate(sampling_options(*options, {}));
    if (!status) throw CLI::ValidationError(status.error().describe());
  });
  set_action(*verb, chosen, options, run_model);
}

}  // namespace nibble::apps
