// A recipe says which tensor class gets which format and by which rule. Recipes are TOML files (recipes/*.toml); the
// ones that ship are also compiled into the program, so that a copied binary still has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::quantize {

enum class TargetFormat : std::uint8_t { kKeep, kFp8, kW4a16Nvfp4 };

enum class ScaleRule : std::uint8_t {
  kMax,       // block scale from the block's largest magnitude, as ModelOpt's max calibration
  kMseSweep,  // the E4M3 scale of least squared error in a window of codes around max's (quantization §A.1)
};

struct Nvfp4Options {
  ScaleRule rule = ScaleRule::kMax;
  // The tensor's largest block scale is mapped to this E4M3 value: 448 as ModelOpt, 256 leaves room for larger scales.
  double head_room = 448;
  int codes_below = 0;  // of the window, kMseSweep only
  int codes_above = 0;
};

struct Rule {
  std::vector<std::string> patterns;  // over module names, `*` matches any text; the first rule that matches decides
  TargetFormat format = TargetFormat::kKeep;
  Nvfp4Options nvfp4;
};

struct Recipe {
  std::string name;
  std::string description;
  std::string kv_cache_algo;  // "FP8" or empty, written into the configuration files
  std::vector<Rule> rules;

  // The rule for a module, or nullptr: kept as it is.
  const Rule* rule_for(std::string_view module) const;
  bool needs_calibration() const;  // some rule makes FP8 with static input scales
};

// A shipped recipe by name ("nvidia", "nvfp4-max", "nvfp4-mse"), or a file whose name ends in .toml.
Result<Recipe> load_recipe(std::string_view name_or_path);
Result<Recipe> parse_recipe(std::string_view toml);
std::vector<std::string> shipped_recipes();

}  // namespace nibble::quantize
