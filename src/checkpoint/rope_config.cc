#include "checkpoint/rope_config.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "base/json_writer.h"

namespace nibble::checkpoint {
namespace {

// The member of the rope object, else the one beside it.
JsonView inner_or_outer(JsonView rope, JsonView text, std::string_view key) {
  JsonView inner = rope.find(key);
  return inner.given() ? inner : text.find(key);
}

Result<double> positive(std::string_view key, JsonView view, std::optional<double> fallback, double maximum) {
  if (!view.given()) {
    if (fallback) return *fallback;
    return invalid_input(fmt::format("'{}': expected a number, found nothing", key));
  }
  std::optional<double> value = view.as_double();
  if (!value || !std::isfinite(*value) || *value <= 0 || *value > maximum) {
    return invalid_input(fmt::format("'{}': expected a number above 0 and at most {}, found {}", key, maximum,
                                     value ? python_float(*value) : std::string(json_kind_name(view.kind()))));
  }
  return *value;
}

Result<std::string> rope_type(JsonView rope) {
  ASSIGN_OR_RETURN(std::string older, optional_string(rope, "type", "default"));
  ASSIGN_OR_RETURN(std::string type, optional_string(rope, "rope_type", older));
  if (type == "mrope") type = "default";  // how Qwen2-VL's files say: default frequencies, three position axes
  if (type != "default" && type != "yarn") {
    return fail(ErrorCode::kUnsupported,
                fmt::format("'rope_type': nibble knows default and yarn, found {}", json_quote(type)));
  }
  return type;
}

Status parse_yarn(JsonView rope, std::int64_t max_context, RopeConfig& config) {
  constexpr double kMaxFactor = 4096;
  for (std::string_view key : {"mscale", "mscale_all_dim"}) {
    if (JsonView view = rope.find(key); view.given()) {
      return fail(ErrorCode::kUnsupported, fmt::format("'{}': nibble computes YaRN without it; remove it", key));
    }
  }
  ASSIGN_OR_RETURN(bool truncate, optional_bool(rope, "truncate", true));
  if (!truncate) return fail(ErrorCode::kUnsupported, "'truncate': nibble computes YaRN with true only, found false");
  ASSIGN_OR_RETURN(config.yarn_factor, positive("factor", rope.find("factor"), std::nullopt, kMaxFactor));
  if (config.yarn_factor < 1) return invalid_input("'factor': expected at least 1 for YaRN");
  ASSIGN_OR_RETURN(config.yarn_original_context,
                   optional_integer(rope, "original_max_position_embeddings", max_context, 1, std::int64_t{1} << 40));
  ASSIGN_OR_RETURN(config.yarn_beta_fast, positive("beta_fast", rope.find("beta_fast"), 32.0, 1e6));
  ASSIGN_OR_RETURN(config.yarn_beta_slow, positive("beta_slow", rope.find("beta_slow"), 1.0, 1e6));
  if (config.yarn_beta_fast < config.yarn_beta_slow) {
    return invalid_input(fmt::format("'beta_fast': expected at least beta_slow, which is {}, found {}",
                                     python_float(config.yarn_beta_slow), python_float(config.yarn_beta_fast)));
  }
  if (JsonView view = rope.find("attention_factor"); view.given()) {
    ASSIGN_OR_RETURN(config.yarn_attention_factor, positive("attention_factor", view, std::nullopt, kMaxFactor));
  }
  return {};
}

// The rotated part of a head is a whole number of pairs, and the three position axes share them out.
Status check_rotary(const RopeConfig& config, std::int64_t head_dim) {
  auto rotary = static_cast<std::int64_t>(static_cast<double>(head_dim) * config.partial_rotary_factor);
  if (rotary < 2 || rotary % 2 != 0) {
    return invalid_input(
        fmt::format("'partial_rotary_factor': {} of head_dim {} rotates {} values; expected an even number from 2 on",
                    python_float(config.partial_rotary_factor), head_dim, rotary));
  }
  const auto& section = config.mrope_section;
  std::int64_t sum = std::accumulate(section.begin(), section.end(), std::int64_t{0});
  if (!section.empty() && sum != rotary / 2) {
    return invalid_input(
        fmt::format("'mrope_section': expected a sum of {}, half the rotary dimension, found {}", rotary / 2, sum));
  }
  return {};
}

Result<std::vector<std::int64_t>> parse_mrope_section(JsonView rope) {
  JsonView list = rope.find("mrope_section");
  std::vector<std::int64_t> section;
  if (!list.given()) return section;
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::optional<std::int64_t> size = list.element(i).as_integer();
    if (!size || *size < 0 || *size > 65536) break;
    section.push_back(*size);
  }
  if (!list.is_array() || list.size() != 3 || section.size() != 3) {
    return invalid_input("'mrope_section': expected three integers from 0 to 65536");
  }
  return section;
}

}  // namespace

Result<RopeConfig> parse_rope_config(JsonView text, std::int64_t head_dim, std::int64_t max_context) {
  JsonView rope;
  for (std::string_view key : {"rope_parameters", "rope_scaling"}) {
    JsonView view = text.find(key);
    if (!view.given()) continue;
    if (!view.is_object()) {
      return invalid_input(fmt::format("'{}': expected an object, found {}", key, json_kind_name(view.kind())));
    }
    rope = view;  // rope_scaling, if a file has both: it is what users add by hand
  }
  RopeConfig config;
  ASSIGN_OR_RETURN(config.theta, positive("rope_theta", inner_or_outer(rope, text, "rope_theta"), std::nullopt, 1e15));
  ASSIGN_OR_RETURN(config.partial_rotary_factor,
                   positive("partial_rotary_factor", inner_or_outer(rope, text, "partial_rotary_factor"), 0.25, 1.0));
  ASSIGN_OR_RETURN(config.mrope_interleaved, optional_bool(rope, "mrope_interleaved", false));
  ASSIGN_OR_RETURN(config.mrope_section, parse_mrope_section(rope));
  ASSIGN_OR_RETURN(std::string type, rope_type(rope));
  if (type == "yarn") RETURN_IF_ERROR(parse_yarn(rope, max_context, config));
  RETURN_IF_ERROR(check_rotary(config, head_dim));
  return config;
}

}  // namespace nibble::checkpoint
