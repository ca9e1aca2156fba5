#include "kernels/dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/simd.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

class DispatchTest : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("NIBBLE_ISA");
    EXPECT_TRUE(use_isa(""));
  }
};

std::string_view chosen_isa(std::string_view operation) {
  for (const KernelRow& row : kernel_table()) {
    if (row.operation == operation && row.chosen) return row.isa;
  }
  return "none";
}

TEST_F(DispatchTest, EveryOperationHasExactlyOneChosenRowAndEndsWithTheReference) {
  const std::vector<KernelRow> rows = kernel_table();
  std::set<std::string_view> operations;
  for (const KernelRow& row : rows) operations.insert(row.operation);
  EXPECT_EQ(operations.size(), 16U);
  for (const std::string_view operation : operations) {
    const auto of_operation = [&](const KernelRow& row) { return row.operation == operation; };
    EXPECT_EQ(std::ranges::count_if(rows, [&](const KernelRow& row) { return of_operation(row) && row.chosen; }), 1);
    const auto last = std::find_if(rows.rbegin(), rows.rend(), of_operation);
    EXPECT_EQ(last->isa, "reference") << operation;
    EXPECT_EQ(last->why_not, "a better one stands above") << operation;
  }
  for (const KernelRow& row : rows) {
    EXPECT_NE(row.chosen, !row.why_not.empty());
    EXPECT_FALSE(row.detail.empty());
  }
}

TEST_F(DispatchTest, ForcedImplementationIsTheOneThatRuns) {
  // A sum that float32 and float64 round differently.
  const Floats input = {1e8F, 1.0F, -1e8F, 1.0F};
  const Floats ones(4, 1.0F);
  const numerics::MatrixView weight{.format = numerics::WeightFormat::kF32,
                                    .rows = 1,
                                    .cols = 4,
                                    .data = reinterpret_cast<const std::byte*>(ones.data())};
  ThreadPool pool(1);
  float output = 0;
  const LinearArgs args{weight, input.data(), &output, 1};

  ASSERT_TRUE(use_isa("reference"));
  EXPECT_EQ(chosen_isa("linear"), "reference");
  linear(args, pool);
  EXPECT_EQ(output, 2.0F);

  ASSERT_TRUE(use_isa(""));
  EXPECT_EQ(chosen_isa("linear"), "portable");
  linear(args, pool);
  float portable_output = 0;
  portable::linear({weight, input.data(), &portable_output, 1}, pool);
  EXPECT_EQ(output, portable_output);
}

TEST_F(DispatchTest, EnvironmentVariable) {
  setenv("NIBBLE_ISA", "reference", 1);
  ASSERT_TRUE(use_isa_from_environment());
  EXPECT_EQ(chosen_isa("moe_experts"), "reference");
  EXPECT_EQ(kernel_table().front().why_not, "a lower one is forced");

  setenv("NIBBLE_ISA", "abacus", 1);
  const Status status = use_isa_from_environment();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(status.error().describe(),
            "environment variable NIBBLE_ISA: expected one of portable, reference, found 'abacus'");
}

TEST_F(DispatchTest, InstructionSetsCanBeForced) {
  const std::vector<std::string> names = portable::instruction_sets();
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(portable::simd().name, names.front());
  for (const std::string& name : names) {
    portable::use_instruction_set(name);
    EXPECT_EQ(portable::simd().name, name);
    EXPECT_EQ(kernel_table().front().detail, name);
  }
  portable::use_instruction_set("");
  EXPECT_EQ(portable::simd().name, names.front());
}

}  // namespace
}  // namespace nibble::kernels::testing
