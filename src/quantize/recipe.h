// A recipe says which linear layer gets which format and by which rule. Recipes are TOML files (recipes/*.toml explains
// the keys); the ones that ship are also compiled into the program, so that a copied binary still has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "numerics/e4m3.h"

namespace nibble::quantize {

enum class TargetFormat : std::uint8_t { kKeep, kFp8, kW4a16Nvfp4 };

enum class ScaleRule : std::uint8_t {
  kMax,       // block scale from the block's largest magnitude, as ModelOpt's max calibration
  kMseSweep,  // the E4M3 scale of least squared error in a window of codes around max's (quantization §A.1)
};

struct Nvfp4Options {
  ScaleRule rule = ScaleRule::kMax;
  // The max rule maps the tensor's largest block to this block scale: 448 as ModelOpt, 256 leaves room for larger ones.
  float head_room = numerics::kE4m3Max;
  int codes_below = 0;  // of the window, kMseSweep only
  int codes_above = 0;
};

struct Rule {
  std::vector<std::string> modules;  // patterns of checkpoint/module_pattern.h
  TargetFormat format = TargetFormat::kKeep;
  Nvfp4Options nvfp4;  // where format is kW4a16Nvfp4
};

struct Recipe {
  std::string name;
  std::string description;
  std::string kv_cache_algo;  // "FP8" or empty, written into the configuration files
  std::vector<Rule> rules;

  // The first rule that covers a module, or nullptr: kept as it is.
  const Rule* rule_for(std::string_view module) const;
  bool needs_calibration() const;  // some rule makes FP8 with static input scales
};

// A shipped recipe by name ("nvidia", "nvfp4-max", "nvfp4-mse"), or a file whose name ends in .toml.
Result<Recipe> load_recipe(std::string_view name_or_path);
// Unknown keys, missing ones and values out of range are errors that name line and key.
Result<Recipe> parse_recipe(std::string_view toml);
std::vector<std::string> shipped_recipes();

}  // namespace nibble::quantize
