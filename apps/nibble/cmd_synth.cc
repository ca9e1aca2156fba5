#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/json_writer.h"
#include "base/progress.h"
#include "command.h"
#include "console.h"
#include "quantize/shipped_presets.h"
#include "quantize/synthetic.h"

namespace nibble::apps {
namespace {

struct SynthCommand {
  std::string preset = "qwen3.6-35b-a3b";
  std::string config;
  std::string output;
  quantize::SyntheticOptions options;
  bool no_vision = false;
  bool no_mtp = false;
  int threads = 0;
  bool json = false;
};

Result<std::string> config_text(const SynthCommand& command) {
  if (!command.config.empty()) return read_file(command.config);
  ASSIGN_OR_RETURN(const std::string_view text, quantize::preset_config(command.preset));
  return std::string(text);
}

std::string to_json(const SynthCommand& command, const quantize::SyntheticPlan& plan, double seconds) {
  JsonWriter json(2);
  json.begin_object();
  json.member("output", command.output);
  json.member("recipe", command.options.recipe);
  json.member("seed", command.options.seed);
  json.member("tensors", static_cast<std::uint64_t>(plan.tensors.size()));
  json.member("bytes", plan.bytes);
  json.member("seconds", seconds);
  json.end_object();
  return std::move(json).take() + "\n";
}

std::string describe(const SynthCommand& command, const quantize::SyntheticPlan& plan, double seconds) {
  return fmt::format("{}: {} tensors, {}, in {:.1f} s ({}/s)\n", command.output, plan.tensors.size(),
                     format_bytes(plan.bytes), seconds,
                     format_bytes(static_cast<std::uint64_t>(static_cast<double>(plan.bytes) / seconds)));
}

Status synth(const SynthCommand& command) {
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const std::string config, config_text(command));
  quantize::SyntheticOptions options = command.options;
  options.changes.vision = !command.no_vision;
  options.changes.mtp = !command.no_mtp;
  ASSIGN_OR_RETURN(const quantize::SyntheticPlan plan, quantize::plan_synthetic(config, options));
  ThreadPool pool(command.threads > 0 ? command.threads : available_processors());
  RETURN_IF_ERROR(quantize::write_synthetic(plan, command.output, options, pool));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return print_result(command.json ? to_json(command, plan, seconds) : describe(command, plan, seconds));
}

}  // namespace

void add_synth(CLI::App& app, Action& chosen) {
  auto command = std::make_shared<SynthCommand>();
  CLI::App* verb = app.add_subcommand("synth", "Make a checkpoint of a model's true shapes with random weights");
  CLI::Option* preset =
      verb->add_option("--preset", command->preset,
                       fmt::format("model whose shapes to take: {}", fmt::join(quantize::preset_names(), ", ")))
          ->type_name("NAME");
  verb->add_option("--config", command->config, "a config.json to take the shapes from instead")->type_name("FILE");
  verb->add_option("--layers", command->options.changes.layers, "as many layers (default: as the model has)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  verb->add_flag("--no-vision", command->no_vision, "without the vision tower");
  verb->add_flag("--no-mtp", command->no_mtp, "without the MTP head");
  verb->add_option("--recipe", command->options.recipe,
                   "nvidia (default), nvfp4-max, nvfp4-mse or a recipe file\n"
                   "whose name ends in .toml: as 'nibble quantize' lays out;\n"
                   "bf16: the unquantized checkpoint")
      ->type_name("NAME");
  verb->add_option("--seed", command->options.seed, "the same seed gives the same bytes (default: 0)")->type_name("N");
  verb->add_option("--tokenizer", command->options.tokenizer, "a tokenizer.json to copy (default: none)")
      ->type_name("FILE");
  verb->add_option("-o,--output", command->output, "folder to make; it must not exist yet")
      ->required()
      ->type_name("OUT");
  add_threads(*verb, command->threads);
  add_json(*verb, command->json);
  verb->footer(
      "Examples:\n"
      "  nibble synth --layers 8 -o out/eight-layers\n"
      "  nibble synth --config models/qwen36-tiny/config.json --recipe bf16 -o out/random-tiny");
  verb->callback([command, preset, &chosen] {
    // Not by excludes(): the help would then name each option's opponent on the line of the option.
    if (preset->count() > 0 && !command->config.empty()) throw CLI::ExcludesError("--preset", "--config");
    chosen = [command] { return synth(*command); };
  });
}

}  // namespace nibble::apps
