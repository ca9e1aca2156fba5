// A benchmark for people, for programs and for spreadsheets.
#pragma once

#include <string>

#include "evaluate/benchmark.h"

namespace nibble::evaluate {

// Tables in Markdown: the machine's limits, the rows as llama-bench prints them, where the time went. A slice's rows
// end with the estimate for all layers, called that.
std::string to_markdown(const BenchmarkReport& report);
// One object with every number, rates of all repetitions too.
std::string to_json(const BenchmarkReport& report);
// One line a row.
std::string to_csv(const BenchmarkReport& report);

}  // namespace nibble::evaluate
