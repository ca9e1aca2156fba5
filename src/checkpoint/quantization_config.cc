#include "checkpoint/quantization_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "checkpoint/module_pattern.h"

namespace nibble::checkpoint {
namespace {

constexpr std::int64_t kNvfp4GroupSize = 16;
constexpr std::string_view kMixed = "MIXED_PRECISION";
constexpr std::string_view kReadable =
    "nibble reads plain BF16, F16 and F32 checkpoints and ModelOpt's FP8, NVFP4, W4A16_NVFP4 and MIXED_PRECISION";

Result<QuantAlgo> parse_algo(std::string_view name) {
  for (QuantAlgo algo : {QuantAlgo::kFp8, QuantAlgo::kNvfp4, QuantAlgo::kW4a16Nvfp4}) {
    if (quant_algo_name(algo) == name) return algo;
  }
  return fail(ErrorCode::kUnsupported,
              fmt::format("'quant_algo': nibble cannot compute with {}; {}", json_quote(name), kReadable));
}

// Absent, or the one block length that NVFP4 tensors have here.
Status check_group_size(JsonView object, QuantAlgo algo) {
  if (algo == QuantAlgo::kFp8 || !object.find("group_size").given()) return {};
  ASSIGN_OR_RETURN(std::int64_t size, optional_integer(object, "group_size", kNvfp4GroupSize, 1, 1 << 20));
  if (size == kNvfp4GroupSize) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("'group_size': nibble computes NVFP4 in groups of {}, found {}", kNvfp4GroupSize, size));
}

Result<std::map<std::string, QuantAlgo, std::less<>>> parse_layers(JsonView object) {
  std::map<std::string, QuantAlgo, std::less<>> layers;
  if (!object.given()) return layers;
  if (!object.is_object()) return invalid_input("'quantized_layers': expected an object");
  for (std::size_t i = 0; i < object.size(); ++i) {
    std::string place = "'quantized_layers': " + json_quote(object.key(i));
    ASSIGN_OR_RETURN_IN(place, std::string name, required_string(object.element(i), "quant_algo"));
    ASSIGN_OR_RETURN_IN(place, QuantAlgo algo, parse_algo(name));
    RETURN_IF_ERROR_IN(place, check_group_size(object.element(i), algo));
    const bool wildcard = object.key(i).find('*') != std::string_view::npos;
    auto [known, is_new] = layers.emplace(wildcard ? object.key(i) : without_wrapper(object.key(i)), algo);
    if (!is_new && known->second != algo) {
      return invalid_input(fmt::format("{}: the same module stands there under another name as {}", place,
                                       quant_algo_name(known->second)));
    }
  }
  return layers;
}

Result<std::vector<std::string>> parse_names(JsonView object, std::string_view key) {
  std::vector<std::string> names;
  JsonView list = object.find(key);
  if (!list.given()) return names;
  if (!list.is_array()) return invalid_input(fmt::format("'{}': expected an array of module names", key));
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::optional<std::string_view> name = list.element(i).as_string();
    if (!name) return invalid_input(fmt::format("'{}': expected module names, entry {} is none", key, i));
    if (name->starts_with("re:")) {
      return fail(
          ErrorCode::kUnsupported,
          fmt::format("'{}': {} is a regular expression, which ModelOpt's files do not have", key, json_quote(*name)));
    }
    names.emplace_back(*name);
  }
  return names;
}

Result<std::string> parse_producer(JsonView producer) {
  if (!producer.given()) return std::string();
  ASSIGN_OR_RETURN_IN("producer", std::string name, optional_string(producer, "name", ""));
  ASSIGN_OR_RETURN_IN("producer", std::string version, optional_string(producer, "version", ""));
  return version.empty() ? name : name + " " + version;
}

// A name, or compressed-tensors' description of one.
Result<std::string> parse_kv_scheme(JsonView scheme) {
  if (!scheme.given()) return std::string();
  if (auto name = scheme.as_string()) return std::string(*name);
  ASSIGN_OR_RETURN_IN("kv_cache_scheme", std::int64_t bits, required_integer(scheme, "num_bits", 1, 64));
  ASSIGN_OR_RETURN_IN("kv_cache_scheme", std::string type, required_string(scheme, "type"));
  if (type == "float" && bits == 8) return std::string("FP8");
  if (type == "float" && bits == 4) return std::string("NVFP4");
  if (type == "int" && bits == 8) return std::string("INT8");
  return fail(ErrorCode::kUnsupported,
              fmt::format("'kv_cache_scheme': nibble knows no {}-bit {}", bits, json_quote(type)));
}

Status check_method(JsonView object) {
  JsonView view = object.find("quant_method");
  if (!view.given() && (object.find("quant_algo").given() || object.find("quantization").given())) return {};
  ASSIGN_OR_RETURN(std::string method, required_string(object, "quant_method"));
  if (method.starts_with("modelopt")) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("'quant_method': the weights are quantized by {}, which nibble cannot read; {}",
                          json_quote(method), kReadable));
}

}  // namespace

// What one of the two files says.
struct QuantizationConfig::Source {
  std::string place;
  std::string algo;
  std::string kv_cache_algo;
  std::string producer;
  std::map<std::string, QuantAlgo, std::less<>> layers;
  std::vector<std::string> excluded;

  // object has quant_algo and the lists; the names of two members differ between the files.
  static Result<Source> parse(std::string place, JsonView object, std::string_view exclude_key, std::string_view kv_key,
                              JsonView producer) {
    Source source;
    source.place = std::move(place);
    ASSIGN_OR_RETURN(source.algo, optional_string(object, "quant_algo", ""));
    ASSIGN_OR_RETURN(source.layers, parse_layers(object.find("quantized_layers")));
    ASSIGN_OR_RETURN(source.excluded, parse_names(object, exclude_key));
    ASSIGN_OR_RETURN(source.kv_cache_algo, parse_kv_scheme(object.find(kv_key)));
    ASSIGN_OR_RETURN(source.producer, parse_producer(producer));
    if (!source.algo.empty() && source.algo != kMixed) {
      ASSIGN_OR_RETURN(QuantAlgo algo, parse_algo(source.algo));
      RETURN_IF_ERROR(check_group_size(object, algo));
    }
    return source;
  }

  static Result<std::optional<Source>> parse_hf_quant_config(std::string_view text) {
    if (text.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(text));
    JsonView object = document.root().find("quantization");
    if (!object.is_object()) return invalid_input("'quantization': expected an object");
    return parse("hf_quant_config.json", object, "exclude_modules", "kv_cache_quant_algo",
                 document.root().find("producer"));
  }

  static Result<std::optional<Source>> parse_config(std::string_view text) {
    if (text.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(text));
    JsonView object = document.root().find("quantization_config");
    if (!object.given()) object = document.root().find("text_config").find("quantization_config");
    if (!object.given()) return std::nullopt;
    if (!object.is_object()) return invalid_input("'quantization_config': expected an object");
    RETURN_IF_ERROR_IN("quantization_config", check_method(object));
    std::string place = "config.json: quantization_config";
    // Some exports embed hf_quant_config.json as it is.
    if (JsonView inner = object.find("quantization"); inner.is_object()) {
      return parse(place, inner, "exclude_modules", "kv_cache_quant_algo", object.find("producer"));
    }
    return parse(place, object, "ignore", "kv_cache_scheme", object.find("producer"));
  }
};

std::string_view quant_algo_name(QuantAlgo algo) {
  switch (algo) {
    case QuantAlgo::kNone: return "none";
    case QuantAlgo::kFp8: return "FP8";
    case QuantAlgo::kNvfp4: return "NVFP4";
    case QuantAlgo::kW4a16Nvfp4: return "W4A16_NVFP4";
  }
  return "unknown";
}

// The first source is the fuller one; the second may leave things out but not contradict.
Result<QuantizationConfig> QuantizationConfig::merge(std::vector<Source> sources) {
  QuantizationConfig merged;
  auto take = [&](std::string Source::* fact, std::string_view what) -> Result<std::string> {
    std::string value;
    for (const Source& source : sources) {
      const std::string& said = source.*fact;
      if (!value.empty() && !said.empty() && said != value) {
        return invalid_input(fmt::format("{} says {} is {}, {} says {}; make them agree", sources[0].place, what,
                                         json_quote(value), source.place, json_quote(said)));
      }
      if (value.empty()) value = said;
    }
    return value;
  };
  ASSIGN_OR_RETURN(merged.top_algo_, take(&Source::algo, "quant_algo"));
  ASSIGN_OR_RETURN(merged.kv_cache_algo_, take(&Source::kv_cache_algo, "the KV cache's algorithm"));
  for (Source& source : sources) {
    if (merged.producer_.empty()) merged.producer_ = source.producer;
    if (!source.layers.empty() && !merged.layers_.empty() && source.layers != merged.layers_) {
      return invalid_input(
          fmt::format("{} and {} have different quantized_layers; make them agree", sources[0].place, source.place));
    }
    if (merged.layers_.empty()) merged.layers_ = std::move(source.layers);
    for (std::string& name : source.excluded) {
      if (std::ranges::find(merged.excluded_, name) == merged.excluded_.end()) {
        merged.excluded_.push_back(std::move(name));
      }
    }
  }
  if (merged.top_algo_ == kMixed && merged.layers_.empty()) {
    return invalid_input(fmt::format("{}: 'quant_algo' is {}, but 'quantized_layers' says of no module what it is",
                                     sources[0].place, kMixed));
  }
  if (merged.quantized() && merged.top_algo_ != kMixed) {
    ASSIGN_OR_RETURN(merged.uniform_, parse_algo(merged.top_algo_));
  }
  for (auto layer = merged.layers_.begin(); layer != merged.layers_.end();) {
    if (layer->first.find('*') != std::string::npos) {
      merged.layer_patterns_.push_back({layer->first, layer->second});
      layer = merged.layers_.erase(layer);
    } else {
      ++layer;
    }
  }
  return merged;
}

Result<QuantizationConfig> QuantizationConfig::parse(std::string_view config_text,
                                                     std::string_view hf_quant_config_text) {
  std::vector<Source> sources;
  ASSIGN_OR_RETURN_IN("hf_quant_config.json", std::optional<Source> hf,
                      Source::parse_hf_quant_config(hf_quant_config_text));
  ASSIGN_OR_RETURN_IN("config.json", std::optional<Source> config, Source::parse_config(config_text));
  if (hf) sources.push_back(*std::move(hf));
  if (config) sources.push_back(*std::move(config));
  if (sources.empty()) return QuantizationConfig();
  return merge(std::move(sources));
}

Result<QuantizationConfig> QuantizationConfig::read(const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(std::string config_text, read_file(folder / "config.json"));
  std::string hf_text;
  std::error_code ignored;
  if (std::filesystem::exists(folder / "hf_quant_config.json", ignored)) {
    ASSIGN_OR_RETURN(hf_text, read_file(folder / "hf_quant_config.json"));
    if (hf_text.empty()) return invalid_input((folder / "hf_quant_config.json").string() + " is empty");
  }
  ASSIGN_OR_RETURN_IN(folder.string(), QuantizationConfig config, parse(config_text, hf_text));
  return config;
}

const QuantAlgo* QuantizationConfig::listed_algo(std::string_view module) const {
  std::string_view name = without_wrapper(module);
  for (std::size_t end = name.size(); end != std::string_view::npos && end > 0; end = name.rfind('.', end - 1)) {
    auto layer = layers_.find(name.substr(0, end));
    if (layer != layers_.end()) return &layer->second;
  }
  for (const Pattern& pattern : layer_patterns_) {
    if (pattern_covers(pattern.text, module)) return &pattern.algo;
  }
  return nullptr;
}

bool QuantizationConfig::excluded(std::string_view module) const {
  return std::ranges::any_of(excluded_, [&](const std::string& pattern) { return pattern_covers(pattern, module); });
}

QuantAlgo QuantizationConfig::algo_of(std::string_view module) const {
  if (excluded(module)) return QuantAlgo::kNone;
  const QuantAlgo* listed = listed_algo(module);
  return listed != nullptr ? *listed : uniform_;
}

bool QuantizationConfig::lists(std::string_view module) const {
  return !excluded(module) && listed_algo(module) != nullptr;
}

}  // namespace nibble::checkpoint
