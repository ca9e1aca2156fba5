// The one table that picks an implementation: per operation an ordered list, best first, reference last.
//
// kernels::linear(args, pool) and its sisters (ops/*.h) go through it. Every entry can refuse, and says why; the
// reference never does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble::kernels {

// Forces every operation to the named implementation or, where it has none for an operation, to the next lower one.
// "" lifts the force. Errors: a name nibble does not know, or one this machine cannot run. Not while kernels run.
Status use_isa(std::string_view name);

// use_isa(the value of NIBBLE_ISA), where that is set. Programs call this first, to report a bad value properly;
// without the call it happens at the first operation, where a bad value ends the program.
Status use_isa_from_environment();

// Names use_isa accepts, best first: "portable", "reference".
std::vector<std::string_view> isa_names();

struct KernelRow {
  std::string_view operation;  // "linear"
  std::string_view isa;        // "portable"
  std::string detail;          // what it runs on here, for instance the instruction set the portable source chose
  std::string why_not;         // why the table passes it over; empty for the chosen row
  bool chosen = false;
};

// The whole table as it stands on this machine, operation by operation, best first.
std::vector<KernelRow> kernel_table();

}  // namespace nibble::kernels
