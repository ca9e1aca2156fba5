#include "checkpoint/module_pattern.h"

namespace nibble::checkpoint {
namespace {

// "a.b" covers "a.b" and "a.b.c", not "a.bc".
bool covers_as_written(std::string_view pattern, std::string_view module) {
  if (pattern.find('*') == std::string_view::npos) {
    return module.starts_with(pattern) && (module.size() == pattern.size() || module[pattern.size()] == '.');
  }
  for (std::size_t end = module.size(); end != std::string_view::npos && end > 0; end = module.rfind('.', end - 1)) {
    if (wildcard_match(pattern, module.substr(0, end))) return true;
  }
  return false;
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  // Backtracks to the last star only, which is enough and takes at most pattern times text steps.
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
  return covers_as_written(pattern, module) || covers_as_written(without_wrapper(pattern), without_wrapper(module));
}

}  // namespace nibble::checkpoint
