// The verbs of the command line. Each cmd_*.cc adds its own: the options, their help, and what to do.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace nibble::apps {

using Action = std::function<Status()>;

// Adds the verb; when the user names it, `chosen` becomes its action.
void add_inspect(CLI::App& app, Action& chosen);
void add_quantize(CLI::App& app, Action& chosen);
void add_run(CLI::App& app, Action& chosen);
void add_eval(CLI::App& app, Action& chosen);
void add_bench(CLI::App& app, Action& chosen);
void add_synth(CLI::App& app, Action& chosen);
void add_logits(CLI::App& app, Action& chosen);
void add_tokenize(CLI::App& app, Action& chosen);
void add_render(CLI::App& app, Action& chosen);

// "'X' is not a folder" and the like, before anything of it is read.
Status require_folder(const std::string& folder);

// Makes `action` what the verb does that is about one model folder, `options->folder`.
template <typename Options>
void set_action(CLI::App& verb, Action& chosen, const std::shared_ptr<Options>& options,
                Status (*action)(const Options&)) {
  verb.callback([options, action, &chosen] {
    chosen = [options, action]() -> Status {
      RETURN_IF_ERROR(require_folder(options->folder));
      return action(*options);
    };
  });
}

// Options that several verbs have.
void add_folder(CLI::App& verb, std::string& folder, const std::string& description);
void add_json(CLI::App& verb, bool& json);
void add_threads(CLI::App& verb, int& threads);

}  // namespace nibble::apps
