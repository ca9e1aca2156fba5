// The TOML reader of recipes: the one file that knows toml++.
#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "quantize/recipe.h"

namespace nibble::quantize {
namespace {

constexpr std::int64_t kMaxWindow = numerics::kE4m3MaxCode;

std::unexpected<Error> wrong(const toml::node& node, std::string_view message) {
  return invalid_input(fmt::format("line {}: {}", node.source().begin.line, message));
}

Status refuse_unknown_keys(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : table) {
    if (std::ranges::find(known, key.str()) == known.end()) {
      return wrong(value, fmt::format("unknown key '{}'; expected one of {}", key.str(), fmt::join(known, ", ")));
    }
  }
  return {};
}

// The string under a key; nullopt where it is absent.
Result<std::optional<std::string>> text(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) return wrong(*node, fmt::format("'{}' must be a string", key));
  return node->value<std::string>();
}

Result<std::string> required_text(const toml::table& table, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> found, text(table, key));
  if (!found || found->empty()) return wrong(table, fmt::format("'{}' is missing or empty", key));
  return *std::move(found);
}

Result<int> window(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return wrong(table, fmt::format("scale = \"mse_sweep\" needs '{}'", key));
  const std::optional<std::int64_t> codes = node->value_exact<std::int64_t>();
  if (!codes || *codes < 0 || *codes > kMaxWindow) {
    return wrong(*node, fmt::format("'{}' must be an integer from 0 to {}", key, kMaxWindow));
  }
  return static_cast<int>(*codes);
}

Result<float> head_room(const toml::table& table) {
  const toml::node* node = table.get("head_room");
  if (node == nullptr) return numerics::kE4m3Max;
  const std::optional<double> value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !(*value >= 1) || *value > numerics::kE4m3Max) {
    return wrong(*node, "'head_room' must be a number from 1 to 448, the largest E4M3 value");
  }
  return static_cast<float>(*value);
}

Result<Nvfp4Options> parse_nvfp4(const toml::table& table) {
  Nvfp4Options options;
  ASSIGN_OR_RETURN(options.head_room, head_room(table));
  ASSIGN_OR_RETURN(const std::string scale, required_text(table, "scale"));
  if (scale == "mse_sweep") {
    options.rule = ScaleRule::kMseSweep;
    ASSIGN_OR_RETURN(options.codes_below, window(table, "codes_below"));
    ASSIGN_OR_RETURN(options.codes_above, window(table, "codes_above"));
  } else if (scale != "max") {
    return wrong(*table.get("scale"), fmt::format("unknown scale '{}'; expected max or mse_sweep", scale));
  } else if (table.contains("codes_below") || table.contains("codes_above")) {
    return wrong(table, "'codes_below' and 'codes_above' belong to scale = \"mse_sweep\"");
  }
  return options;
}

Result<std::vector<std::string>> parse_modules(const toml::table& table) {
  const toml::array* array = table.get_as<toml::array>("modules");
  if (array == nullptr || array->empty()) return wrong(table, "'modules' must be an array of names, and not empty");
  std::vector<std::string> modules;
  for (const toml::node& node : *array) {
    const std::optional<std::string> module = node.value_exact<std::string>();
    if (!module || module->empty()) return wrong(node, "every entry of 'modules' must be a name");
    modules.push_back(*module);
  }
  return modules;
}

Result<Rule> parse_rule(const toml::table& table) {
  Rule rule;
  ASSIGN_OR_RETURN(const std::string format, required_text(table, "format"));
  if (format == "w4a16_nvfp4") {
    RETURN_IF_ERROR(
        refuse_unknown_keys(table, {"modules", "format", "scale", "head_room", "codes_below", "codes_above"}));
    rule.format = TargetFormat::kW4a16Nvfp4;
    ASSIGN_OR_RETURN(rule.nvfp4, parse_nvfp4(table));
  } else if (format == "keep" || format == "fp8") {
    RETURN_IF_ERROR(refuse_unknown_keys(table, {"modules", "format"}));
    rule.format = format == "fp8" ? TargetFormat::kFp8 : TargetFormat::kKeep;
  } else {
    return wrong(*table.get("format"), fmt::format("unknown format '{}'; expected w4a16_nvfp4, fp8 or keep", format));
  }
  ASSIGN_OR_RETURN(rule.modules, parse_modules(table));
  return rule;
}

Result<std::vector<Rule>> parse_rules(const toml::table& table) {
  const toml::array* array = table.get_as<toml::array>("rule");
  if (array == nullptr) return wrong(table, "there is no [[rule]]");
  std::vector<Rule> rules;
  for (const toml::node& node : *array) {
    if (!node.is_table()) return wrong(node, "'rule' must be a table, written [[rule]]");
    ASSIGN_OR_RETURN(Rule rule, parse_rule(*node.as_table()));
    rules.push_back(std::move(rule));
  }
  if (std::ranges::all_of(rules, [](const Rule& rule) { return rule.format == TargetFormat::kKeep; })) {
    return wrong(*array, "every rule keeps: this recipe quantizes nothing");
  }
  return rules;
}

// toml++ 3.3 runs into undefined behaviour on letters such as "ü" outside strings (is_non_ascii_horizontal_whitespace).
// Names of layers are ASCII, so that nothing but comments loses by this.
Status refuse_non_ascii(std::string_view toml_text) {
  const auto found = std::ranges::find_if(toml_text, [](char c) { return static_cast<unsigned char>(c) > 0x7F; });
  if (found == toml_text.end()) return {};
  return invalid_input(fmt::format("line {}: a character outside ASCII; recipes, their comments too, are plain ASCII",
                                   1 + std::count(toml_text.begin(), found, '\n')));
}

}  // namespace

Result<Recipe> parse_recipe(std::string_view toml_text) {
  RETURN_IF_ERROR(refuse_non_ascii(toml_text));
  const toml::parse_result parsed = toml::parse(toml_text);
  if (!parsed) {
    return invalid_input(
        fmt::format("line {}: not valid TOML: {}", parsed.error().source().begin.line, parsed.error().description()));
  }
  const toml::table& table = parsed.table();
  RETURN_IF_ERROR(refuse_unknown_keys(table, {"name", "description", "kv_cache", "rule"}));
  Recipe recipe;
  ASSIGN_OR_RETURN(recipe.name, required_text(table, "name"));
  ASSIGN_OR_RETURN(recipe.description, required_text(table, "description"));
  ASSIGN_OR_RETURN(const std::optional<std::string> kv_cache, text(table, "kv_cache"));
  if (kv_cache && *kv_cache != "FP8") {
    return wrong(*table.get("kv_cache"), fmt::format("unknown kv_cache '{}'; expected FP8, or no such key", *kv_cache));
  }
  recipe.kv_cache_algo = kv_cache.value_or("");
  ASSIGN_OR_RETURN(recipe.rules, parse_rules(table));
  return recipe;
}

}  // namespace nibble::quantize
