#include "command.h"

#include <fmt/format.h>

#include <filesystem>

namespace nibble::apps {

Status require_folder(const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::is_directory(folder, ignored)) return {};
  if (std::filesystem::exists(folder, ignored)) {
    return invalid_input(fmt::format("'{}' is not a folder; name the folder that holds the model's files", folder));
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no folder '{}'", folder));
}

void add_folder(CLI::App& verb, std::string& folder, const std::string& description) {
  verb.add_option("DIR", folder, description)->required()->type_name("");
}

void add_json(CLI::App& verb, bool& json) { verb.add_flag("--json", json, "print the result as JSON"); }

void add_threads(CLI::App& verb, int& threads) {
  verb.add_option("--threads", threads, "processors to use (default: all available)")
      ->type_name("N")
      ->check(CLI::Range(1, 512).description(""));
}

}  // namespace nibble::apps
