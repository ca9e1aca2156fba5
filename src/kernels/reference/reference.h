// The oracle of every operation: the formula of its contract, in float64, one element after the other, on the calling
// thread. Never optimised: what it computes is what the other implementations are held against.
#pragma once

#include "kernels/ops/causal_attention.h"
#include "kernels/ops/causal_conv_silu.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/gated_delta_rule.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/moe.h"
#include "kernels/ops/rms_norm.h"
#include "kernels/ops/rope.h"

namespace nibble::kernels::reference {

void linear(const LinearArgs& args, ThreadPool& pool) noexcept;
void rms_norm(const RmsNormArgs& args, ThreadPool& pool) noexcept;
void gated_rms_norm(const GatedRmsNormArgs& args, ThreadPool& pool) noexcept;
void rope(const RopeArgs& args, ThreadPool& pool) noexcept;
void causal_attention(const CausalAttentionArgs& args, ThreadPool& pool) noexcept;
void split_query_gate(const SplitQueryGateArgs& args, ThreadPool& pool) noexcept;
void sigmoid_gate(const SigmoidGateArgs& args, ThreadPool& pool) noexcept;
void swiglu(const SwigluArgs& args, ThreadPool& pool) noexcept;
void add(const AddArgs& args, ThreadPool& pool) noexcept;
void gated_add(const GatedAddArgs& args, ThreadPool& pool) noexcept;
void causal_conv_silu(const CausalConvSiluArgs& args, ThreadPool& pool) noexcept;
void l2_normalize(const L2NormalizeArgs& args, ThreadPool& pool) noexcept;
void delta_gates(const DeltaGatesArgs& args, ThreadPool& pool) noexcept;
void gated_delta_rule(const GatedDeltaRuleArgs& args, ThreadPool& pool) noexcept;
void moe_router(const MoeRouterArgs& args, ThreadPool& pool) noexcept;
void moe_experts(const MoeExpertsArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels::reference
