#include "checkpoint/module_pattern.h"

namespace nibble::checkpoint {
namespace {

// "a.b" covers "a.b" and "a.b.c", not "a.bc".
bool covers_as_written(std::string_view pattern, std::string_view module) {
  if (pattern.find('*') == std::string_view::npos) {
    return module.starts_with(pattern) && (module.size() == pattern.size() || module[pattern.size()] == '.');
  }
  if (wildcard_match(pattern, module)) return true;
  return !pattern.ends_with('*') && wildcard_match(std::string(pattern) + ".*", module);
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  // Going back to the last star is enough, and takes at most pattern times text steps.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view without_wrapper(std::string_view module) {
  for (;;) {
    if (module.starts_with("model.")) {
      module.remove_prefix(6);
    } else if (module.starts_with("language_model.")) {
      module.remove_prefix(15);
    } else {
      return module;
    }
  }
}

bool pattern_covers(std::string_view pattern, std::string_view module) {
  if (covers_as_written(pattern, module)) return true;
  const std::string_view inner_pattern = without_wrapper(pattern);
  const std::string_view inner_module = without_wrapper(module);
  const bool pattern_is_wrapped = inner_pattern.size() != pattern.size();
  if (!pattern_is_wrapped && inner_module.size() == module.size()) return false;
  // "model.*" means what lies in model, not everything.
  if (pattern_is_wrapped && inner_pattern.starts_with('*')) return false;
  return covers_as_written(inner_pattern, inner_module);
}

}  // namespace nibble::checkpoint
