#include "evaluate/benchmark_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>

#include "base/json_writer.h"
#include "base/progress.h"

namespace nibble::evaluate {
namespace {

bool is_slice(const BenchmarkReport& report) { return report.layers < report.layers_of_model; }

std::string layers_text(const BenchmarkReport& report) {
  return is_slice(report) ? fmt::format("{} of {}", report.layers, report.layers_of_model)
                          : fmt::format("{}", report.layers);
}

std::string per_second(double amount, std::string_view unit) {
  constexpr std::array<const char*, 5> kPrefixes = {"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  while (amount >= 999.5 && prefix + 1 < kPrefixes.size()) {
    amount /= 1000;
    ++prefix;
  }
  return fmt::format("{:.3g} {}{}/s", amount, kPrefixes[prefix], unit);
}

std::string_view unit_of(const BenchmarkRow& row) { return row.test == BenchmarkTest::kPrefill ? "FLOP" : "B"; }

std::string table_line(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string limits_table(const BenchmarkReport& report) {
  std::string text = "| limit of this machine | threads | measured |\n| :-- | --: | --: |\n";
  for (const MachineLimits& limits : report.limits) {
    const std::string threads = fmt::format("{}", limits.threads);
    text += table_line({"read, huge pages", threads, per_second(limits.huge_pages, "B")});
    text += table_line({"read, mapped pages", threads, per_second(limits.mapped_pages, "B")});
    for (const kernels::MatrixPeak& peak : limits.peaks) {
      if (peak.flops_per_second == 0) continue;
      text += table_line({fmt::format("multiply-add, {} ({})", peak.isa, peak.arithmetic), threads,
                          per_second(peak.flops_per_second, "FLOP")});
    }
  }
  return text;
}

std::string rows_table(const BenchmarkReport& report) {
  std::vector<std::string> header = {"model", "layers", "size",   "params",   "isa",     "threads",
                                     "test",  "tok/s",  "spread", "achieved", "of limit"};
  std::string rule = "| :-- | --: | --: | --: | :-- | --: | :-- | --: | --: | --: | :-- |";
  if (is_slice(report)) {
    header.push_back(fmt::format("tok/s of {} layers, ESTIMATE", report.layers_of_model));
    rule += " --: |";
  }
  std::string text = table_line(header) + rule + "\n";
  for (const BenchmarkRow& row : report.rows) {
    std::vector<std::string> cells = {report.model,
                                      layers_text(report),
                                      format_bytes(static_cast<std::uint64_t>(report.weight_bytes)),
                                      format_count(static_cast<std::uint64_t>(report.parameters)),
                                      report.isa,
                                      fmt::format("{}", row.threads),
                                      row.name(),
                                      fmt::format("{:.2f}", row.median()),
                                      fmt::format("{:.1f} %", 100 * row.spread()),
                                      per_second(row.achieved(), unit_of(row)),
                                      fmt::format("{:.1f} % of {}", 100 * row.share(), row.limit_name)};
    if (is_slice(report)) {
      cells.push_back(row.whole_model_rate ? fmt::format("{:.2f}", *row.whole_model_rate) : "not from this slice");
    }
    text += table_line(cells);
  }
  return text;
}

double outside_operations(const BenchmarkRow& row) {
  double seconds = row.profiled_seconds;
  for (const kernels::ProfileRow& operation : row.profile) seconds -= operation.seconds;
  return seconds;
}

std::string profile_table(const BenchmarkRow& row) {
  std::string text = fmt::format("\n{}, threads: {}, one repetition of {:.3f} s, by operation:\n\n", row.name(),
                                 row.threads, row.profiled_seconds);
  text += "| operation | calls | ms a token | share |\n| :-- | --: | --: | --: |\n";
  const auto line = [&](std::string_view name, std::string calls, double seconds) {
    return table_line({std::string(name), std::move(calls),
                       fmt::format("{:.4f}", 1000 * seconds / static_cast<double>(row.tokens)),
                       fmt::format("{:.1f} %", 100 * seconds / row.profiled_seconds)});
  };
  for (const kernels::ProfileRow& operation : row.profile) {
    text += line(operation.operation, fmt::format("{}", operation.calls), operation.seconds);
  }
  return text + line("outside operations", "", outside_operations(row));
}

void write_limits(const MachineLimits& limits, JsonWriter& json) {
  json.begin_object();
  json.member("threads", limits.threads);
  json.member("read_huge_pages_bytes_per_second", limits.huge_pages);
  json.member("read_mapped_pages_bytes_per_second", limits.mapped_pages);
  json.key("peaks");
  json.begin_array();
  for (const kernels::MatrixPeak& peak : limits.peaks) {
    json.begin_object();
    json.member("isa", peak.isa);
    json.member("arithmetic", peak.arithmetic);
    json.member("flops_per_second", peak.flops_per_second);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_profile(const BenchmarkRow& row, JsonWriter& json) {
  json.key("profile");
  json.begin_object();
  json.member("seconds", row.profiled_seconds);
  json.member("outside_operations", outside_operations(row));
  json.key("operations");
  json.begin_array();
  for (const kernels::ProfileRow& operation : row.profile) {
    json.begin_object();
    json.member("operation", operation.operation);
    json.member("calls", operation.calls);
    json.member("seconds", operation.seconds);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_row(const BenchmarkRow& row, JsonWriter& json) {
  const bool prefill = row.test == BenchmarkTest::kPrefill;
  json.begin_object();
  json.member("test", row.name());
  json.member("threads", row.threads);
  json.member(prefill ? "prompt_tokens" : "generated_tokens", row.tokens);
  json.member("depth", row.depth);
  json.member("tokens_per_second", row.median());
  json.member("spread", row.spread());
  json.key("repetitions");
  json.begin_array();
  for (const double rate : row.rates) json.value(rate);
  json.end_array();
  json.member(prefill ? "flops_per_token" : "bytes_per_token", row.work_of_token);
  json.member(prefill ? "flops_per_second" : "bytes_per_second", row.achieved());
  json.member("limit", row.limit);
  json.member("limit_name", row.limit_name);
  json.member("share_of_limit", row.share());
  if (row.whole_model_rate) json.member("estimated_tokens_per_second_of_all_layers", *row.whole_model_rate);
  if (!row.profile.empty()) write_profile(row, json);
  json.end_object();
}

// In quotes where RFC 4180 asks for them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string to_markdown(const BenchmarkReport& report) {
  std::string text = limits_table(report) + "\n" + rows_table(report);
  for (const BenchmarkRow& row : report.rows) {
    if (!row.profile.empty()) text += profile_table(row);
  }
  return text;
}

std::string to_json(const BenchmarkReport& report) {
  JsonWriter json(2);
  json.begin_object();
  json.member("model", report.model);
  json.member("layers", report.layers);
  json.member("layers_of_model", report.layers_of_model);
  json.member("weight_bytes", report.weight_bytes);
  json.member("parameters", report.parameters);
  json.member("isa", report.isa);
  json.key("machine");
  json.begin_array();
  for (const MachineLimits& limits : report.limits) write_limits(limits, json);
  json.end_array();
  json.key("rows");
  json.begin_array();
  for (const BenchmarkRow& row : report.rows) write_row(row, json);
  json.end_array();
  json.end_object();
  return std::move(json).take() + "\n";
}

std::string to_csv(const BenchmarkReport& report) {
  std::string text =
      "model,layers,layers_of_model,weight_bytes,parameters,isa,threads,test,tokens,depth,tokens_per_second,spread,"
      "achieved_per_second,achieved_unit,limit_per_second,limit_name,share_of_limit,"
      "estimated_tokens_per_second_of_all_layers\n";
  for (const BenchmarkRow& row : report.rows) {
    text += fmt::format("{},{},{},{:.0f},{:.0f},{},{},{},{},{},{:.6g},{:.4g},{:.6g},{},{:.6g},{},{:.4g},{}\n",
                        csv_field(report.model), report.layers, report.layers_of_model, report.weight_bytes,
                        report.parameters, report.isa, row.threads, csv_field(row.name()), row.tokens, row.depth,
                        row.median(), row.spread(), row.achieved(), unit_of(row), row.limit, row.limit_name,
                        row.share(), row.whole_model_rate ? fmt::format("{:.6g}", *row.whole_model_rate) : "");
  }
  return text;
}

}  // namespace nibble::evaluate
