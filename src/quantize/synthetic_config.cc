#include "quantize/synthetic_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/json_writer.h"

namespace nibble::quantize {
namespace {

// The limit of checkpoint/model_config: refused here already, because a list of that length is written first.
constexpr std::int64_t kMaxLayers = 4096;

void write_layer_types(JsonView types, std::int64_t layers, JsonWriter& json) {
  json.begin_array();
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    json.value(types.element(static_cast<std::size_t>(layer) % types.size()));
  }
  json.end_array();
}

// One member of the text configuration, changed or as it is.
void write_text_member(std::string_view key, JsonView value, const ConfigChanges& changes, JsonWriter& json) {
  json.key(key);
  if (changes.layers > 0 && key == "num_hidden_layers") {
    json.value(changes.layers);
  } else if (changes.layers > 0 && key == "layer_types" && value.is_array() && value.size() > 0) {
    write_layer_types(value, changes.layers, json);
  } else if (!changes.mtp && key == "mtp_num_hidden_layers") {
    json.value(0);
  } else {
    json.value(value);
  }
}

}  // namespace

Result<std::string> changed_config(JsonView config, const ConfigChanges& changes) {
  if (!config.is_object()) return invalid_input("config.json: expected an object");
  if (changes.layers < 0 || changes.layers > kMaxLayers) {
    return invalid_input(fmt::format("{} layers were asked for; expected 1 to {}", changes.layers, kMaxLayers));
  }
  // A text-only export has the text configuration at its root.
  const bool nested = config.find("text_config").is_object();
  JsonWriter json(2);
  json.begin_object();
  for (std::size_t i = 0; i < config.size(); ++i) {
    const std::string_view key = config.key(i);
    const JsonView value = config.element(i);
    // The recipe decides about quantization, not the file that the dimensions come from.
    if (key == "quantization_config" || (!changes.vision && key == "vision_config")) continue;
    if (!nested) {
      write_text_member(key, value, changes, json);
    } else if (key == "text_config") {
      json.key(key);
      json.begin_object();
      for (std::size_t j = 0; j < value.size(); ++j) write_text_member(value.key(j), value.element(j), changes, json);
      json.end_object();
    } else {
      json.key(key);
      json.value(value);
    }
  }
  json.end_object();
  return std::move(json).take() + "\n";
}

}  // namespace nibble::quantize
