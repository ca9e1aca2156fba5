// The command line: finds the verb, runs it, turns its outcome into an exit code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <csignal>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "command.h"
#include "console.h"
#include "kernels/dispatch.h"

namespace nibble::apps {
namespace {

// 1 is for "the answer is no", as of grep and diff; no verb of this version asks such a question.
enum ExitCode { kSuccess = 0, kUsage = 2, kBadInput = 3, kEnvironmentFault = 4, kStopped = 130 };

ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported: return kBadInput;
    case ErrorCode::kEnvironment: return kEnvironmentFault;
    case ErrorCode::kInterrupted: return kStopped;
  }
  return kBadInput;
}

// CLI11's help without its lists of which option excludes which: the error message says so when it matters.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }

  std::string make_option_opts(const CLI::Option* option) const override {
    std::string type = option->get_type_name().empty() ? "" : " " + option->get_type_name();
    return type + (option->get_required() ? " (required)" : "");
  }
};

void describe_program(CLI::App& app) {
  app.description("Makes, runs and judges NVFP4 checkpoints of Qwen3.6 mixture-of-experts models.");
  app.set_version_flag("--version", "nibble " NIBBLE_VERSION, "print the version");
  app.set_help_flag("-h,--help", "print this help");
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(1);
  app.footer("'nibble VERB --help' explains a verb, with examples.");
}

int finish(const Status& status) {
  if (status || result_reader_left()) return kSuccess;
  print_note(status.error().describe());
  return exit_code(status.error().code());
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  // --help and --version come as such "errors" too: their text is the result.
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    std::string text = dynamic_cast<const CLI::CallForVersion*>(&error) ? std::string(error.what()) + "\n" : app.help();
    return finish(print_result(text));
  }
  auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(verb->get_name());
    }
    print_note(fmt::format("expected a verb: {}; 'nibble --help' explains them", fmt::join(names, ", ")));
  } else {
    print_note(fmt::format("{}; 'nibble {} --help' shows how to use it", error.what(), chosen.front()->get_name()));
  }
  return kUsage;
}

int run(int argc, const char* const* argv) {
  install_interrupt_handler();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves is seen by print_result()

  Action action;
  CLI::App app("", "nibble");
  describe_program(app);
  add_inspect(app, action);
  add_quantize(app, action);
  add_run(app, action);
  add_eval(app, action);
  add_bench(app, action);
  add_synth(app, action);
  add_logits(app, action);
  add_tokenize(app, action);
  add_render(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  }

  if (const Status status = kernels::use_isa_from_environment(); !status) return finish(status);
  return finish(action());
}

}  // namespace
}  // namespace nibble::apps

int main(int argc, char** argv) {
  try {
    return nibble::apps::run(argc, argv);
  } catch (const std::bad_alloc&) {
    nibble::apps::print_note("not enough memory; close other programs or use a machine with more");
    return nibble::apps::kEnvironmentFault;
  } catch (const std::exception& error) {
    nibble::apps::print_note(error.what());
    return nibble::apps::kEnvironmentFault;
  }
}
