// Qwen3.6 (and 3.5) mixture of experts: the text model (architecture §3).
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/thread_pool.h"
#include "checkpoint/checkpoint.h"
#include "kernels/rope_tables.h"
#include "model/text_model.h"

namespace nibble::model::qwen36 {

inline constexpr std::string_view kArchitecture = "Qwen3_5MoeForConditionalGeneration";
inline constexpr std::string_view kTextArchitecture = "Qwen3_5MoeForCausalLM";  // text-only exports

Result<std::unique_ptr<TextModel>> load(const checkpoint::Checkpoint& checkpoint, ThreadPool& pool,
                                        const LoadOptions& options);

// The rotary embedding that a configuration asks for.
kernels::RopeParameters rope_parameters(const checkpoint::TextConfig& config);

}  // namespace nibble::model::qwen36
