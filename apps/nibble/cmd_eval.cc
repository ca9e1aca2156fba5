#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/json_writer.h"
#include "command.h"
#include "console.h"
#include "engine/session.h"
#include "evaluate/divergence.h"
#include "table.h"

namespace nibble::apps {
namespace {

using engine::LoadedModel;
using evaluate::DivergenceReport;
using evaluate::Estimate;

struct EvalOptions {
  std::string folder;
  std::string reference;
  std::string text;
  evaluate::DivergenceOptions divergence;
  int threads = 0;
  bool json = false;
};

constexpr std::uint64_t kLongestText = std::uint64_t{1} << 30;

Estimate percent(const Estimate& estimate) { return {100 * estimate.value, 100 * estimate.standard_error}; }

std::string describe(const EvalOptions& options, const DivergenceReport& report) {
  std::string page = fmt::format("{}: {} chunks of {} tokens, {} tokens scored\n\n", options.text, report.chunks,
                                 options.divergence.chunk_tokens, report.scored_tokens);
  Table perplexity({{"model", Align::kLeft}, {"perplexity", Align::kRight}});
  perplexity.add_row({options.folder, format_estimate(report.perplexity)});
  if (options.reference.empty()) return page + perplexity.text();
  perplexity.add_row({options.reference, format_estimate(report.reference_perplexity)});

  Table divergence({{"from the reference", Align::kLeft}, {"", Align::kRight}});
  divergence.add_row({"ln of perplexity ratio", format_estimate(report.log_perplexity_ratio)});
  divergence.add_row({"correlation of the two", fmt::format("{:.3f} %", 100 * report.log_perplexity_correlation)});
  divergence.add_row({"KL divergence, mean", format_estimate(report.mean_kld)});
  divergence.add_row({"  median", fmt::format("{:.6f}", report.kld_median)});
  divergence.add_row({"  90 %", fmt::format("{:.6f}", report.kld_p90)});
  divergence.add_row({"  99 %", fmt::format("{:.6f}", report.kld_p99)});
  divergence.add_row({"  99.9 %", fmt::format("{:.6f}", report.kld_p999)});
  divergence.add_row({"  largest", fmt::format("{:.6f}", report.kld_max)});
  divergence.add_row({"mean change of p, %", format_estimate(percent(report.mean_delta_p))});
  divergence.add_row({"RMS change of p, %", format_estimate(percent(report.rms_delta_p))});
  divergence.add_row({"same top token, %", format_estimate(percent(report.same_top))});
  return page + perplexity.text() + "\n" + divergence.text();
}

void write_estimate(JsonWriter& json, std::string_view name, const Estimate& estimate) {
  json.key(name);
  json.begin_object();
  json.member("value", estimate.value);
  json.member("standard_error", estimate.standard_error);
  json.end_object();
}

std::string to_json(const EvalOptions& options, const DivergenceReport& report) {
  JsonWriter json(2);
  json.begin_object();
  json.member("model", options.folder);
  json.member("text", options.text);
  json.member("chunk_tokens", options.divergence.chunk_tokens);
  json.member("chunks", report.chunks);
  json.member("scored_tokens", report.scored_tokens);
  write_estimate(json, "perplexity", report.perplexity);
  if (!options.reference.empty()) {
    json.member("reference", options.reference);
    write_estimate(json, "reference_perplexity", report.reference_perplexity);
    write_estimate(json, "log_perplexity_ratio", report.log_perplexity_ratio);
    json.member("log_perplexity_correlation", report.log_perplexity_correlation);
    write_estimate(json, "mean_kld", report.mean_kld);
    json.member("kld_median", report.kld_median);
    json.member("kld_p90", report.kld_p90);
    json.member("kld_p95", report.kld_p95);
    json.member("kld_p99", report.kld_p99);
    json.member("kld_p999", report.kld_p999);
    json.member("kld_max", report.kld_max);
    write_estimate(json, "mean_delta_p", report.mean_delta_p);
    write_estimate(json, "rms_delta_p", report.rms_delta_p);
    write_estimate(json, "same_top", report.same_top);
  }
  json.end_object();
  return std::move(json).take() + "\n";
}

Status check_same_tokens(const LoadedModel& reference, const std::string& text,
                         const std::vector<model::TokenId>& expected) {
  ASSIGN_OR_RETURN(auto found, reference.tokenizer.encode(text));
  if (found == expected) return {};
  return invalid_input("the two folders' tokenizers split the text differently; compare models of the same vocabulary");
}

Status eval(const EvalOptions& options) {
  if (!options.reference.empty()) RETURN_IF_ERROR(require_folder(options.reference));
  ASSIGN_OR_RETURN(std::string text, read_file(options.text, kLongestText));
  ASSIGN_OR_RETURN(LoadedModel candidate, engine::load_model(options.folder, options.threads));
  ASSIGN_OR_RETURN_IN(options.text, auto tokens, candidate.tokenizer.encode(text));
  std::optional<LoadedModel> reference;
  if (!options.reference.empty()) {
    ASSIGN_OR_RETURN(reference, engine::load_model(options.reference, options.threads));
    RETURN_IF_ERROR_IN(options.reference, check_same_tokens(*reference, text, tokens));
  }
  ASSIGN_OR_RETURN_IN(options.text, DivergenceReport report,
                      evaluate::measure_divergence(reference ? reference->model.get() : nullptr, *candidate.model,
                                                   tokens, options.divergence));
  return print_result(options.json ? to_json(options, report) : describe(options, report));
}

}  // namespace

void add_eval(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* verb = app.add_subcommand("eval", "Measure perplexity, and the divergence from a reference model");
  add_folder(*verb, options->folder, "model folder to judge");
  verb->add_option("--reference", options->reference, "model folder to compare with, usually the BF16 one")
      ->type_name("DIR2");
  verb->add_option("--text", options->text, "text to read, UTF-8")->required()->type_name("FILE");
  verb->add_option("--chunk", options->divergence.chunk_tokens,
                   "tokens of a chunk (default: 512); the second half of each is scored")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{8}, std::numeric_limits<std::int64_t>::max()).description(""));
  verb->add_option("--max-chunks", options->divergence.max_chunks, "read at most N chunks (default: all)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max()).description(""));
  add_threads(*verb, options->threads);
  add_json(*verb, options->json);
  verb->footer(
      "Examples:\n"
      "  nibble eval models/qwen36-tiny --text data/chats_heldout.txt\n"
      "  nibble eval out/tiny-nvidia --reference models/qwen36-tiny --text data/chats_heldout.txt --json");
  set_action(*verb, chosen, options, eval);
}

}  // namespace nibble::apps
