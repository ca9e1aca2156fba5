#include "quantize/export_config.h"

#include <algorithm>
#include <set>

#include "base/json_writer.h"
#include "numerics/nvfp4.h"

namespace nibble::quantize {
namespace {

using checkpoint::QuantAlgo;

// Engines recognise the dialect by the producer's name; the version is the ModelOpt release whose output ours equals.
constexpr std::string_view kProducer = "modelopt";
constexpr std::string_view kProducerVersion = "0.47.0";

// Algorithms in the order of the groups in config.json.
std::set<QuantAlgo> algos_of(const Plan& plan) {
  std::set<QuantAlgo> algos;
  for (const auto& [module, algo] : plan.quantized_modules) algos.insert(algo);
  return algos;
}

bool is_mtp(std::string_view module) { return module.starts_with("mtp."); }

// Whether some quantized module's name begins with prefix.
bool begins_quantized(const std::set<std::string, std::less<>>& quantized, std::string_view prefix) {
  const auto found = quantized.lower_bound(prefix);
  return found != quantized.end() && found->starts_with(prefix);
}

// The shortest patterns that cover a kept module and no quantized one: "…linear_attn*" for all of a DeltaNet, or the
// pair "layers.1", "layers.1.*" where "layers.1*" would also cover layer 10, or the name itself. ModelOpt's rule.
void add_exclusion(std::string_view module, const std::set<std::string, std::less<>>& quantized,
                   std::set<std::string>& patterns) {
  for (std::size_t dot = module.find('.'); dot != std::string_view::npos; dot = module.find('.', dot + 1)) {
    const std::string prefix(module.substr(0, dot));
    if (!begins_quantized(quantized, prefix)) {
      patterns.insert(prefix + "*");
      return;
    }
    if (!quantized.contains(prefix) && !begins_quantized(quantized, prefix + ".")) {
      patterns.insert(prefix);
      patterns.insert(prefix + ".*");
      return;
    }
  }
  patterns.emplace(module);
}

// A uniform algorithm means every linear layer, so what is kept must be named. A mixed file lists what is quantized.
// MTP is named in both, as in NVIDIA's own file.
std::vector<std::string> excluded_modules(const Plan& plan, bool mixed) {
  std::set<std::string, std::less<>> quantized;
  for (const auto& [module, algo] : plan.quantized_modules) quantized.insert(module);
  std::set<std::string> patterns;
  for (const std::string& module : plan.kept_modules) {
    if (!mixed && !is_mtp(module)) add_exclusion(module, quantized, patterns);
  }
  std::vector<std::string> excluded(patterns.begin(), patterns.end());
  const bool mtp_kept = std::ranges::any_of(plan.kept_modules, is_mtp) && !begins_quantized(quantized, "mtp.");
  if (mtp_kept) excluded.insert(excluded.end(), {"mtp.layers.0*", "mtp*"});
  return excluded;
}

void write_strings(JsonWriter& json, std::string_view name, const std::vector<std::string>& values) {
  json.key(name);
  json.begin_array();
  for (const std::string& value : values) json.value(value);
  json.end_array();
}

void write_quantized_layers(JsonWriter& json, const Plan& plan) {
  json.key("quantized_layers");
  json.begin_object();
  for (const auto& [module, algo] : plan.quantized_modules) {
    json.key(module);
    json.begin_object();
    json.member("quant_algo", quant_algo_name(algo));
    if (algo != QuantAlgo::kFp8) json.member("group_size", numerics::kNvfp4Block);
    json.end_object();
  }
  json.end_object();
}

void write_number_format(JsonWriter& json, std::string_view name, int bits, bool grouped) {
  json.key(name);
  json.begin_object();
  json.member("dynamic", false);
  json.member("num_bits", bits);
  json.member("type", "float");
  if (grouped) json.member("group_size", numerics::kNvfp4Block);
  json.end_object();
}

void write_config_groups(JsonWriter& json, const Plan& plan, const std::set<QuantAlgo>& algos) {
  json.key("config_groups");
  json.begin_object();
  int group = 0;
  for (const QuantAlgo algo : algos) {
    json.key("group_" + std::to_string(group++));
    json.begin_object();
    const bool fp8 = algo == QuantAlgo::kFp8;
    if (fp8) write_number_format(json, "input_activations", 8, false);
    write_number_format(json, "weights", fp8 ? 8 : 4, !fp8);
    std::vector<std::string> targets;
    for (const auto& [module, module_algo] : plan.quantized_modules) {
      if (module_algo == algo) targets.push_back(module);
    }
    std::ranges::sort(targets);
    write_strings(json, "targets", algos.size() > 1 ? targets : std::vector<std::string>{"Linear"});
    json.end_object();
  }
  json.end_object();
}

void write_producer(JsonWriter& json) {
  json.key("producer");
  json.begin_object();
  json.member("name", kProducer);
  json.member("version", kProducerVersion);
  json.end_object();
}

std::string_view top_algo(const std::set<QuantAlgo>& algos) {
  return algos.size() > 1 ? "MIXED_PRECISION" : quant_algo_name(*algos.begin());
}

void write_quantization_config(JsonWriter& json, const Plan& plan, std::string_view kv_cache_algo) {
  const std::set<QuantAlgo> algos = algos_of(plan);
  const bool mixed = algos.size() > 1;
  json.begin_object();
  write_config_groups(json, plan, algos);
  if (mixed) write_quantized_layers(json, plan);
  write_strings(json, "ignore", excluded_modules(plan, mixed));
  json.member("quant_algo", top_algo(algos));
  if (kv_cache_algo == "FP8") write_number_format(json, "kv_cache_scheme", 8, false);
  write_producer(json);
  json.member("quant_method", "modelopt");
  json.end_object();
}

}  // namespace

std::string hf_quant_config(const Plan& plan, std::string_view kv_cache_algo) {
  const std::set<QuantAlgo> algos = algos_of(plan);
  const bool mixed = algos.size() > 1;
  const std::vector<std::string> excluded = excluded_modules(plan, mixed);
  JsonWriter json(2);
  json.begin_object();
  write_producer(json);
  json.key("quantization");
  json.begin_object();
  json.member("quant_algo", top_algo(algos));
  json.key("kv_cache_quant_algo");
  if (kv_cache_algo.empty()) {
    json.null();
  } else {
    json.value(kv_cache_algo);
  }
  if (!mixed && *algos.begin() != QuantAlgo::kFp8) json.member("group_size", numerics::kNvfp4Block);
  if (!mixed || !excluded.empty()) write_strings(json, "exclude_modules", excluded);
  if (mixed) write_quantized_layers(json, plan);
  json.end_object();
  json.end_object();
  return std::move(json).take() + "\n";
}

std::string config_with_quantization(JsonView original, const Plan& plan, std::string_view kv_cache_algo) {
  JsonWriter json(2);
  json.begin_object();
  for (std::size_t i = 0; i < original.size(); ++i) {
    if (original.key(i) == "quantization_config") continue;  // null: one that says something was refused before
    json.key(original.key(i));
    json.value(original.element(i));
  }
  json.key("quantization_config");
  write_quantization_config(json, plan, kv_cache_algo);
  json.end_object();
  return std::move(json).take() + "\n";
}

}  // namespace nibble::quantize
