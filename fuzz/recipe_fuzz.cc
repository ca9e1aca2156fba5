// Recipes are files that users write: parse_recipe gives a recipe or an error, whatever the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "quantize/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto recipe = nibble::quantize::parse_recipe({reinterpret_cast<const char*>(data), size});
  if (recipe) static_cast<void>(recipe->rule_for("model.language_model.layers.3.mlp.experts.17.gate_proj"));
  return 0;
}
