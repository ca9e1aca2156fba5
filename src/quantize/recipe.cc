#include "quantize/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.h"
#include "checkpoint/module_pattern.h"
#include "quantize/shipped_recipes.h"

namespace nibble::quantize {

const Rule* Recipe::rule_for(std::string_view module) const {
  for (const Rule& rule : rules) {
    const auto covers = [&](const std::string& pattern) { return checkpoint::pattern_covers(pattern, module); };
    if (std::ranges::any_of(rule.modules, covers)) return &rule;
  }
  return nullptr;
}

bool Recipe::needs_calibration() const {
  return std::ranges::any_of(rules, [](const Rule& rule) { return rule.format == TargetFormat::kFp8; });
}

std::vector<std::string> shipped_recipes() {
  std::vector<std::string> names;
  for (const ShippedRecipe& file : shipped_recipe_files()) names.emplace_back(file.name);
  return names;
}

Result<Recipe> load_recipe(std::string_view name_or_path) {
  if (name_or_path.ends_with(".toml")) {
    ASSIGN_OR_RETURN(const std::string text, read_file(name_or_path));
    ASSIGN_OR_RETURN_IN(std::string(name_or_path), Recipe recipe, parse_recipe(text));
    return recipe;
  }
  for (const ShippedRecipe& file : shipped_recipe_files()) {
    if (file.name == name_or_path) return parse_recipe(file.toml);
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no recipe '{}'; name one of {}, or a file that ends in .toml",
                                                name_or_path, fmt::join(shipped_recipes(), ", ")));
}

}  // namespace nibble::quantize
