// Mixture of experts: choosing them, and computing with them (architecture §3.6).
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "numerics/matrix_view.h"

namespace nibble::kernels {

struct MoeRouterArgs {
  const float* logits;       // ℓ [tokens, experts]
  std::int32_t* expert_ids;  // [tokens, top_k], by falling probability
  float* weights;            // w [tokens, top_k], their sum is 1
  std::int64_t tokens;
  std::int64_t experts;
  std::int64_t top_k;  // at most experts
};

// p = softmax(ℓ) over all experts; the top_k largest, of equals the lower index first; w = p / Σ p over those chosen.
// Compared are the logits, before any rounding could make ties of them. A NaN counts as smaller than every number, so
// that ids are valid and distinct whatever comes in.
//
// Rounding: float32 or wider. Tolerance against the reference: ids equal, weights 1e-6 (of a sum of 1).
void moe_router(const MoeRouterArgs& args, ThreadPool& pool) noexcept;

struct ExpertWeights {
  numerics::MatrixView gate;  // G [expert_width, hidden]
  numerics::MatrixView up;    // U [expert_width, hidden]
  numerics::MatrixView down;  // D [hidden, expert_width]
};

struct MoeExpertsArgs {
  std::span<const ExpertWeights> experts;
  const float* input;              // x [tokens, hidden]
  const std::int32_t* expert_ids;  // [tokens, top_k], distinct within a token
  const float* weights;            // w [tokens, top_k]
  float* activations;              // [tokens, top_k, expert_width] or nullptr: receives silu(G x) ⊙ (U x), the input of
                                   // down, which calibration looks at
  float* output;                   // y [tokens, hidden]; overlaps nothing else
  std::int64_t tokens;
  std::int64_t top_k;
  std::int64_t hidden;
  std::int64_t expert_width;
};

// y[t] = Σ_s w[t, s] · D_e( silu(G_e x[t]) ⊙ (U_e x[t]) ), e = expert_ids[t, s].
// Every expert in use is read once per call, where it lies.
//
// Rounding: each projection as linear; the weight is applied to an expert's output, and experts are added in ascending
// order of their number, in float32 or wider. A token has the same bits in every batch and for every number of threads.
// Tolerance against the reference: 2e-5 · the largest sum of magnitudes met on the way.
void moe_experts(const MoeExpertsArgs& args, ThreadPool& pool) noexcept;

}  // namespace nibble::kernels
