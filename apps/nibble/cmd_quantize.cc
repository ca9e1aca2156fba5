#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/json_writer.h"
#include "base/progress.h"
#include "calibration_text.h"
#include "checkpoint/summary.h"
#include "command.h"
#include "console.h"
#include "quantize/quantizer.h"
#include "quantize/recipe.h"
#include "table.h"
#include "text/tokenizer.h"

namespace nibble::apps {
namespace {

using quantize::QuantizeSummary;

constexpr std::uint64_t kLongestText = std::uint64_t{1} << 30;

struct QuantizeCommand {
  std::string folder;
  std::string output;
  std::string recipe;
  std::string calibration;
  std::int64_t calibration_tokens = 0;
  int threads = 0;
  bool json = false;
};

using checkpoint::ClassSummary;
using checkpoint::TensorClass;

// What the table and the JSON are made of.
struct Outcome {
  std::string output;
  std::string recipe;
  QuantizeSummary summary;
  std::vector<ClassSummary> classes;  // of the new folder
  double seconds = 0;
};

struct ErrorSum {
  double squared_error = 0;
  double squared_magnitude = 0;
};

std::map<TensorClass, ErrorSum> sum_errors(const QuantizeSummary& summary) {
  std::map<TensorClass, ErrorSum> sums;
  for (const quantize::QuantizedTensor& tensor : summary.tensors) {
    ErrorSum& sum = sums[checkpoint::tensor_class_of(tensor.name)];
    sum.squared_error += tensor.squared_error;
    sum.squared_magnitude += tensor.squared_magnitude;
  }
  return sums;
}

// ||original - dequantized|| / ||original|| over the quantized tensors of the class; nullopt where there are none.
std::optional<double> relative_error(const std::map<TensorClass, ErrorSum>& errors, TensorClass tensor_class) {
  auto found = errors.find(tensor_class);
  if (found == errors.end()) return std::nullopt;
  const ErrorSum& sum = found->second;
  return sum.squared_magnitude > 0 ? std::sqrt(sum.squared_error / sum.squared_magnitude) : 0;
}

std::string describe(const Outcome& outcome) {
  Table table({{"tensors", Align::kLeft},
               {"format", Align::kLeft},
               {"parameters", Align::kRight},
               {"size", Align::kRight},
               {"relative error", Align::kRight}});
  auto errors = sum_errors(outcome.summary);
  for (const ClassSummary& row : outcome.classes) {
    std::optional<double> error = relative_error(errors, row.tensor_class);
    table.add_row({std::string(checkpoint::tensor_class_name(row.tensor_class)), row.formats(),
                   format_count(row.parameters), format_bytes(row.bytes),
                   error ? fmt::format("{:.2f} %", 100 * *error) : "kept"});
  }
  const QuantizeSummary& summary = outcome.summary;
  return table.text() +
         fmt::format("\n{}: {} from {}, {:.2f} times smaller, in {:.1f} s\n", outcome.output,
                     format_bytes(summary.output_bytes), format_bytes(summary.input_bytes),
                     static_cast<double>(summary.input_bytes) / static_cast<double>(summary.output_bytes),
                     outcome.seconds);
}

std::string to_json(const Outcome& outcome) {
  auto errors = sum_errors(outcome.summary);
  JsonWriter json(2);
  json.begin_object();
  json.member("output", outcome.output);
  json.member("recipe", outcome.recipe);
  json.member("input_bytes", outcome.summary.input_bytes);
  json.member("output_bytes", outcome.summary.output_bytes);
  json.member("seconds", outcome.seconds);
  json.key("classes");
  json.begin_array();
  for (const ClassSummary& row : outcome.classes) {
    json.begin_object();
    json.member("class", checkpoint::tensor_class_name(row.tensor_class));
    json.member("format", row.formats());
    json.member("parameters", row.parameters);
    json.member("bytes", row.bytes);
    json.key("relative_error");
    std::optional<double> error = relative_error(errors, row.tensor_class);
    if (error) {
      json.value(*error);
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return std::move(json).take() + "\n";
}

Result<std::vector<std::int32_t>> calibration_tokens(const QuantizeCommand& command, const quantize::Recipe& recipe) {
  if (!recipe.needs_calibration()) {
    if (!command.calibration.empty()) print_note(fmt::format("recipe '{}' needs no calibration text", recipe.name));
    return std::vector<std::int32_t>();
  }
  std::filesystem::path path = command.calibration;
  if (path.empty()) {
    ASSIGN_OR_RETURN(path, default_calibration_text());
  }
  ASSIGN_OR_RETURN(std::string text, read_file(path, kLongestText));
  ASSIGN_OR_RETURN(auto tokenizer, text::Tokenizer::read(command.folder));
  ASSIGN_OR_RETURN_IN(path.string(), std::vector<std::int32_t> tokens, tokenizer.encode(text));
  if (tokens.empty()) return invalid_input(fmt::format("the calibration text '{}' is empty", path.string()));
  if (command.calibration_tokens > 0 && std::cmp_greater(tokens.size(), command.calibration_tokens)) {
    tokens.resize(static_cast<std::size_t>(command.calibration_tokens));
  }
  return tokens;
}

Status run_quantize(const QuantizeCommand& command) {
  auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(quantize::Recipe recipe, quantize::load_recipe(command.recipe));
  quantize::QuantizeOptions options;
  ASSIGN_OR_RETURN(options.calibration_tokens, calibration_tokens(command, recipe));
  ThreadPool pool(command.threads > 0 ? command.threads : available_processors());
  Outcome outcome{.output = command.output, .recipe = recipe.name, .summary = {}, .classes = {}};
  ASSIGN_OR_RETURN(outcome.summary,
                   quantize::quantize_checkpoint(command.folder, command.output, recipe, options, pool));
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSIGN_OR_RETURN(auto written, checkpoint::Checkpoint::open(command.output));
  outcome.classes = checkpoint::summarize(written).classes;
  return print_result(command.json ? to_json(outcome) : describe(outcome));
}

}  // namespace

void add_quantize(CLI::App& app, Action& chosen) {
  auto command = std::make_shared<QuantizeCommand>();
  CLI::App* verb = app.add_subcommand("quantize", "Make an NVFP4 checkpoint from a BF16 one");
  add_folder(*verb, command->folder, "model folder, BF16, F16 or F32");
  verb->add_option("-o,--output", command->output, "folder to make; it must not exist yet")
      ->required()
      ->type_name("OUT");
  verb->add_option("--recipe", command->recipe,
                   "nvidia: experts NVFP4, attention and DeltaNet FP8\n"
                   "nvfp4-max: experts and lm_head NVFP4, ModelOpt's scales\n"
                   "nvfp4-mse: the same tensors, scales of least error\n"
                   "or a recipe file whose name ends in .toml")
      ->required()
      ->type_name("NAME");
  verb->add_option("--calibration", command->calibration, "text for the FP8 input scales (default: the one that ships)")
      ->type_name("FILE");
  verb->add_option("--calibration-tokens", command->calibration_tokens, "read at most N tokens of it (default: all)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  add_threads(*verb, command->threads);
  add_json(*verb, command->json);
  verb->footer(
      "Examples:\n"
      "  nibble quantize models/qwen36-tiny -o out/tiny-nvidia --recipe nvidia\n"
      "  nibble quantize models/qwen36-tiny -o out/tiny-mse --recipe nvfp4-mse --json");
  set_action(*verb, chosen, command, run_quantize);
}

}  // namespace nibble::apps
