#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "command.h"
#include "console.h"
#include "evaluate/benchmark.h"
#include "evaluate/benchmark_report.h"

namespace nibble::apps {
namespace {

struct BenchCommand {
  std::string folder;
  evaluate::BenchmarkOptions options;
  std::string output = "md";
  bool json = false;
};

Status bench(const BenchCommand& command) {
  ASSIGN_OR_RETURN(const auto checkpoint, checkpoint::Checkpoint::open(command.folder));
  evaluate::BenchmarkOptions options = command.options;
  if (options.threads.empty()) options.threads = {available_processors()};
  ASSIGN_OR_RETURN_IN(command.folder, const auto report, evaluate::run_benchmark(checkpoint, options));
  if (command.json || command.output == "json") return print_result(evaluate::to_json(report));
  return print_result(command.output == "csv" ? evaluate::to_csv(report) : evaluate::to_markdown(report));
}

template <typename T>
void add_counts(CLI::App& verb, const std::string& name, std::vector<T>& values, T least,
                const std::string& description) {
  verb.add_option(name, values, description)
      ->type_name("N")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(least, std::numeric_limits<T>::max()).description(""));
}

}  // namespace

void add_bench(CLI::App& app, Action& chosen) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App* verb = app.add_subcommand("bench", "Measure speed, as a share of what this machine can do");
  add_folder(*verb, command->folder, "model folder; needs no tokenizer");
  auto& options = command->options;
  add_counts<std::int64_t>(*verb, "-p,--prompt", options.prompts, 0, "tokens of a prefill (default: 512; 0: none)");
  add_counts<std::int64_t>(*verb, "-n,--generate", options.generated, 0,
                           "tokens decoded one by one (default: 64; 0: none)");
  add_counts<std::int64_t>(*verb, "-d,--depth", options.depths, 0, "tokens that came before (default: 0)");
  add_counts<int>(*verb, "-t,--threads", options.threads, 1, "processors to use (default: all available)");
  verb->add_option("-r,--repetitions", options.repetitions, "times that each test is run (default: 5)")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""));
  verb->add_option("--layers", options.layers, "only the first N layers; all of them as an estimate")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  verb->add_flag("--profile", options.profile, "where the time goes, operation by operation");
  verb->add_option("--output", command->output, "md (default): tables in Markdown; json; csv")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"md", "json", "csv"}).description(""));
  add_json(*verb, command->json);
  verb->footer(
      "N may be several numbers with commas: one row a combination.\n\n"
      "Examples:\n"
      "  nibble bench models/qwen36-tiny\n"
      "  nibble bench out/eight-layers -p 512 -n 64 -d 0,4096 -t 1,2 --profile");
  set_action(*verb, chosen, command, bench);
}

}  // namespace nibble::apps
