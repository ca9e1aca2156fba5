// The files of recipes/, compiled in (CMakeLists.txt fills shipped_recipes.cc.in).
#pragma once

#include <span>
#include <string_view>

namespace nibble::quantize {

struct ShippedRecipe {
  std::string_view name;
  std::string_view toml;
};

std::span<const ShippedRecipe> shipped_recipe_files();

}  // namespace nibble::quantize
