#include <memory>

#include "base/json_writer.h"
#include "checkpoint/summary.h"
#include "command.h"
#include "console.h"

namespace nibble::apps {
namespace {

struct InspectOptions {
  std::string folder;
  bool json = false;
};

Status inspect(const InspectOptions& options) {
  ASSIGN_OR_RETURN(auto checkpoint, checkpoint::Checkpoint::open(options.folder));
  checkpoint::Summary summary = checkpoint::summarize(checkpoint);
  if (!options.json) return print_result(checkpoint::to_text(summary));
  JsonWriter json(2);
  checkpoint::write_json(summary, json);
  return print_result(std::move(json).take() + "\n");
}

}  // namespace

void add_inspect(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* verb = app.add_subcommand("inspect", "Show what is in a model folder");
  add_folder(*verb, options->folder, "model folder");
  add_json(*verb, options->json);
  verb->footer(
      "Examples:\n"
      "  nibble inspect models/qwen36-tiny\n"
      "  nibble inspect models/qwen36-tiny --json");
  set_action(*verb, chosen, options, inspect);
}

}  // namespace nibble::apps
