#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/portable/portable.h"
#include "kernels/cpu/portable/weight_panel.h"

namespace nibble::kernels::portable {
namespace {

// The larger logit first, of equals the lower index; NaN last.
bool ranks_before(const float* logits, std::int32_t a, std::int32_t b) {
  const auto comparable = [](float x) { return std::isnan(x) ? -std::numeric_limits<float>::infinity() : x; };
  const float x = comparable(logits[a]), y = comparable(logits[b]);
  return x > y || (x == y && a < b);
}

void route_token(const float* logits, std::int64_t top_k, std::int32_t* order, std::int64_t experts,
                 std::int32_t* expert_ids, float* weights) {
  std::iota(order, order + experts, 0);
  std::partial_sort(order, order + top_k, order + experts,
                    [logits](std::int32_t a, std::int32_t b) { return ranks_before(logits, a, b); });
  float sum = 0;
  for (std::int64_t s = 0; s < top_k; ++s) {
    expert_ids[s] = order[s];
    weights[s] = std::exp(logits[order[s]] - logits[order[0]]);
    sum += weights[s];
  }
  for (std::int64_t s = 0; s < top_k; ++s) weights[s] /= sum;
}

// The slots (token, choice) of a call, gathered by expert; a slot is its index in expert_ids.
class SlotsByExpert {
 public:
  explicit SlotsByExpert(const MoeExpertsArgs& args) : first_(args.experts.size() + 1) {
    const std::int64_t slots = args.tokens * args.top_k;
    for (std::int64_t s = 0; s < slots; ++s) ++first_[static_cast<std::size_t>(args.expert_ids[s]) + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    slots_.resize(static_cast<std::size_t>(slots));
    std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
    for (std::int64_t s = 0; s < slots; ++s) slots_[next[static_cast<std::size_t>(args.expert_ids[s])]++] = s;
    for (std::size_t e = 0; e < args.experts.size(); ++e) {
      if (first_[e] < first_[e + 1]) used_.push_back(e);
    }
  }

  // Experts with at least one slot, ascending.
  std::span<const std::size_t> used() const { return used_; }
  // Position of the expert's first slot in slots(), and how many follow.
  std::size_t first(std::size_t expert) const { return first_[expert]; }
  std::size_t count(std::size_t expert) const { return first_[expert + 1] - first_[expert]; }
  std::span<const std::int64_t> slots() const { return slots_; }

 private:
  std::vector<std::size_t> first_;  // [experts + 1]
  std::vector<std::int64_t> slots_;
  std::vector<std::size_t> used_;
};

// Slots that go through a panel together: their products wait in a block that stays in the level-1 cache.
constexpr std::int64_t kSlotBlock = 64;
using ProductBlock = std::array<float, kSlotBlock * WeightPanel::kRows>;

// Calls body(first position, slots) for the blocks of one expert's slots.
template <typename Body>
void for_each_block(const SlotsByExpert& grouped, std::size_t expert, const Body& body) {
  const std::size_t end = grouped.first(expert) + grouped.count(expert);
  for (std::size_t at = grouped.first(expert); at < end; at += kSlotBlock) {
    body(at, std::min<std::int64_t>(kSlotBlock, static_cast<std::int64_t>(end - at)));
  }
}

// What one call works on. rows of inputs and activations are by position in grouped.slots().
struct ExpertsCall {
  const MoeExpertsArgs& args;
  const SlotsByExpert& grouped;
  std::vector<const float*> inputs;       // each [hidden]
  std::vector<const float*> activations;  // each [expert_width]
  float* activation_slots;                // [tokens · top_k, expert_width]

  // activations of one expert, columns of one panel: silu(G x) ⊙ (U x)
  void activate(std::size_t expert, std::int64_t index, WeightPanel& gate_panel, WeightPanel& up_panel) const {
    gate_panel.load(args.experts[expert].gate, index);
    up_panel.load(args.experts[expert].up, index);
    for_each_block(grouped, expert, [&](std::size_t at, std::int64_t slots) {
      ProductBlock gate, up;
      gate_panel.multiply(inputs.data() + at, slots, gate.data(), WeightPanel::kRows);
      up_panel.multiply(inputs.data() + at, slots, up.data(), WeightPanel::kRows);
      for (std::int64_t i = 0; i < slots; ++i) {
        const std::int64_t slot = grouped.slots()[at + static_cast<std::size_t>(i)];
        simd().silu_multiply(gate.data() + i * WeightPanel::kRows, up.data() + i * WeightPanel::kRows,
                             activation_slots + slot * args.expert_width + gate_panel.first_row(), gate_panel.rows());
      }
    });
  }

  // output columns of one panel: the experts in ascending order
  void combine(std::int64_t index, WeightPanel& panel) const {
    const std::int64_t first_column = index * WeightPanel::kRows;
    const std::int64_t columns = std::min(WeightPanel::kRows, args.hidden - first_column);
    for (std::int64_t t = 0; t < args.tokens; ++t) {
      std::fill_n(args.output + t * args.hidden + first_column, columns, 0.0F);
    }
    for (const std::size_t expert : grouped.used()) {
      panel.load(args.experts[expert].down, index);
      for_each_block(grouped, expert, [&](std::size_t at, std::int64_t slots) {
        ProductBlock product;
        panel.multiply(activations.data() + at, slots, product.data(), WeightPanel::kRows);
        for (std::int64_t i = 0; i < slots; ++i) {
          const std::int64_t slot = grouped.slots()[at + static_cast<std::size_t>(i)];
          float* output = args.output + slot / args.top_k * args.hidden + first_column;
          for (std::int64_t j = 0; j < columns; ++j) {
            output[j] += args.weights[slot] * product[static_cast<std::size_t>(i * WeightPanel::kRows + j)];
          }
        }
      });
    }
  }
};

}  // namespace

void moe_router(const MoeRouterArgs& args, ThreadPool& pool) noexcept {
  constexpr std::int64_t kCompareCost = 8;
  pool.parallel_for(args.tokens, grain_for(args.experts * kCompareCost), [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(args.experts));
    for (std::int64_t t = begin; t < end; ++t) {
      route_token(args.logits + t * args.experts, args.top_k, order.data(), args.experts,
                  args.expert_ids + t * args.top_k, args.weights + t * args.top_k);
    }
  });
}

void moe_experts(const MoeExpertsArgs& args, ThreadPool& pool) noexcept {
  const SlotsByExpert grouped(args);
  Scratch own_activations;
  if (args.activations == nullptr) own_activations = scratch(args.tokens * args.top_k * args.expert_width);
  ExpertsCall call{args, grouped, {}, {}, args.activations != nullptr ? args.activations : own_activations.get()};
  for (const std::int64_t slot : grouped.slots()) {
    call.inputs.push_back(args.input + slot / args.top_k * args.hidden);
    call.activations.push_back(call.activation_slots + slot * args.expert_width);
  }

  // Cost of a panel per column of the weight, averaged over the experts in use.
  const std::int64_t experts = static_cast<std::int64_t>(grouped.used().size());
  const std::int64_t tokens_an_expert = args.tokens * args.top_k / std::max<std::int64_t>(1, experts);
  const std::int64_t column_cost = WeightPanel::kRows * (tokens_an_expert + WeightPanel::kDecodeCost);

  const std::int64_t panels = WeightPanel::count(args.expert_width);
  pool.parallel_for(experts * panels, grain_for(2 * column_cost * args.hidden),
                    [&](std::int64_t begin, std::int64_t end) {
                      WeightPanel gate(args.hidden), up(args.hidden);
                      for (std::int64_t item = begin; item < end; ++item) {
                        call.activate(grouped.used()[static_cast<std::size_t>(item / panels)], item % panels, gate, up);
                      }
                    });
  pool.parallel_for(WeightPanel::count(args.hidden), grain_for(experts * column_cost * args.expert_width),
                    [&](std::int64_t begin, std::int64_t end) {
                      WeightPanel down(args.expert_width);
                      for (std::int64_t index = begin; index < end; ++index) call.combine(index, down);
                    });
}

}  // namespace nibble::kernels::portable
