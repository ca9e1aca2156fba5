#include "kernels/ops/moe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/portable/portable.h"
#include "kernels/operands.h"
#include "kernels/reference/reference.h"

namespace nibble::kernels::testing {
namespace {

using numerics::WeightFormat;

struct Routing {
  std::vector<std::int32_t> ids;
  Floats weights;
};

template <typename Function>
Routing route(Function function, const Floats& logits, std::int64_t experts, std::int64_t top_k, ThreadPool& pool) {
  const auto tokens = static_cast<std::int64_t>(logits.size()) / experts;
  Routing routing{std::vector<std::int32_t>(static_cast<std::size_t>(tokens * top_k)),
                  Floats(static_cast<std::size_t>(tokens * top_k))};
  function({logits.data(), routing.ids.data(), routing.weights.data(), tokens, experts, top_k}, pool);
  return routing;
}

class MoeRouterTest : public PortableTest {};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(MoeRouterTest);

TEST_P(MoeRouterTest, AgreesWithTheReference) {
  Random random(19);
  struct Case {
    std::int64_t experts, top_k;
  };
  for (const auto [experts, top_k] : {Case{1, 1}, Case{5, 5}, Case{10, 3}, Case{256, 8}}) {
    const Floats logits = random.normals(200 * experts, 20.0F);
    const Routing expected = route(reference::moe_router, logits, experts, top_k, pool_);
    const Routing actual = route(portable::moe_router, logits, experts, top_k, pool_);
    EXPECT_EQ(actual.ids, expected.ids) << experts;
    EXPECT_TRUE(within(actual.weights, expected.weights, 1e-6F)) << experts;
  }
}

TEST_P(MoeRouterTest, TiesGoToTheLowerIndex) {
  const Floats logits = {1, 3, 3, 2, 3, -1,  //
                         0, 0, 0, 0, 0, 0};
  for (const auto router : {reference::moe_router, portable::moe_router}) {
    const Routing routing = route(router, logits, 6, 4, pool_);
    EXPECT_EQ(routing.ids, (std::vector<std::int32_t>{1, 2, 4, 3, 0, 1, 2, 3}));
    EXPECT_EQ(routing.weights[0], routing.weights[2]);
    EXPECT_FLOAT_EQ(routing.weights[4], 0.25F);
  }
}

TEST_P(MoeRouterTest, NotANumberGivesNoInvalidId) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const Floats logits = {kNan, 2, kNan, 1, kNan, kNan};
  for (const auto router : {reference::moe_router, portable::moe_router}) {
    EXPECT_EQ(route(router, logits, 6, 4, pool_).ids, (std::vector<std::int32_t>{1, 3, 0, 2}));
  }
}

struct Experts {
  std::int64_t hidden, expert_width, top_k;
  std::vector<RandomWeight> storage;
  std::vector<ExpertWeights> weights;

  Experts(std::int64_t experts, std::int64_t hidden_, std::int64_t expert_width_, std::int64_t top_k_,
          const std::vector<WeightFormat>& formats, Random& random)
      : hidden(hidden_), expert_width(expert_width_), top_k(top_k_) {
    for (std::int64_t e = 0; e < experts; ++e) {
      const WeightFormat format = formats[static_cast<std::size_t>(e) % formats.size()];
      storage.emplace_back(format, 2 * expert_width, hidden,
                           random);  // gate and up in one tensor, as fused checkpoints
      const numerics::MatrixView fused = storage.back().view();
      storage.emplace_back(format, hidden, expert_width, random);
      weights.push_back(
          {fused.row_slice(0, expert_width), fused.row_slice(expert_width, expert_width), storage.back().view()});
    }
  }

  struct Result {
    Floats output;
    Floats activations;
  };

  template <typename Function>
  Result run(Function function, const Floats& input, const Routing& routing, ThreadPool& pool) const {
    const auto tokens = static_cast<std::int64_t>(input.size()) / hidden;
    Result result{Floats(input.size(), 7.0F), Floats(routing.ids.size() * static_cast<std::size_t>(expert_width))};
    function({.experts = weights,
              .input = input.data(),
              .expert_ids = routing.ids.data(),
              .weights = routing.weights.data(),
              .activations = result.activations.data(),
              .output = result.output.data(),
              .tokens = tokens,
              .top_k = top_k,
              .hidden = hidden,
              .expert_width = expert_width},
             pool);
    return result;
  }
};

class MoeExpertsTest : public PortableTest {
 protected:
  Random random_{23};
};
INSTANTIATE_ON_EVERY_INSTRUCTION_SET(MoeExpertsTest);

TEST_P(MoeExpertsTest, AgreesWithTheReference) {
  const std::vector<WeightFormat> mixed = {WeightFormat::kNvfp4, WeightFormat::kBf16, WeightFormat::kFp8};
  for (const Experts& experts : {Experts(7, 48, 48, 3, mixed, random_), Experts(4, 80, 16, 1, mixed, random_),
                                 Experts(3, 35, 21, 3, {WeightFormat::kF32}, random_)}) {
    for (const std::int64_t tokens : {1, 5, 150}) {
      const Floats input = random_.normals(tokens * experts.hidden);
      const auto count = static_cast<std::int64_t>(experts.weights.size());
      const Routing routing =
          route(reference::moe_router, random_.normals(tokens * count, 2.0F), count, experts.top_k, pool_);
      const auto expected = experts.run(reference::moe_experts, input, routing, pool_);
      const auto actual = experts.run(portable::moe_experts, input, routing, pool_);
      EXPECT_TRUE(within(actual.output, expected.output, 2e-5F * largest_magnitude(expected.activations)));
      EXPECT_TRUE(within(actual.activations, expected.activations, 1e-5F * largest_magnitude(expected.activations)));
    }
  }
}

TEST_P(MoeExpertsTest, TokenHasTheSameBitsInEveryBatchAndOnEveryPool) {
  const Experts experts(6, 64, 32, 2, {WeightFormat::kNvfp4}, random_);
  const std::int64_t tokens = 200;
  const Floats input = random_.normals(tokens * 64);
  const Routing routing = route(reference::moe_router, random_.normals(tokens * 6), 6, 2, pool_);
  const auto together = experts.run(portable::moe_experts, input, routing, pool_);
  ThreadPool one(1);
  EXPECT_TRUE(same_bits(experts.run(portable::moe_experts, input, routing, one).output, together.output));
  for (const std::ptrdiff_t t : {0, 77, 199}) {
    const Routing alone{{routing.ids.begin() + 2 * t, routing.ids.begin() + 2 * t + 2},
                        {routing.weights.begin() + 2 * t, routing.weights.begin() + 2 * t + 2}};
    const Floats row(input.begin() + 64 * t, input.begin() + 64 * (t + 1));
    EXPECT_TRUE(same_bits(experts.run(portable::moe_experts, row, alone, pool_).output,
                          std::span(together.output).subspan(static_cast<std::size_t>(64 * t), 64)));
  }
}

TEST_P(MoeExpertsTest, ActivationsNeedNotBeAskedFor) {
  const Experts experts(3, 32, 16, 2, {WeightFormat::kBf16}, random_);
  const Floats input = random_.normals(4 * 32);
  const Routing routing = route(reference::moe_router, random_.normals(4 * 3), 3, 2, pool_);
  const auto asked = experts.run(portable::moe_experts, input, routing, pool_);
  for (const auto function : {reference::moe_experts, portable::moe_experts}) {
    Floats output(input.size());
    function({experts.weights, input.data(), routing.ids.data(), routing.weights.data(), nullptr, output.data(), 4, 2,
              32, 16},
             pool_);
    EXPECT_TRUE(within(output, asked.output, 1e-5F));
  }
}

}  // namespace
}  // namespace nibble::kernels::testing
