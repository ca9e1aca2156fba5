// What a tensor is for, from its name.
#pragma once

#include <cstdint>
#include <string_view>

namespace nibble::checkpoint {

enum class TensorClass : std::uint8_t {
  kRoutedExperts,
  kSharedExperts,
  kAttention,  // q, k, v and o projections
  kDeltaNet,   // in_proj_qkv, in_proj_z and out_proj
  kLmHead,
  kEmbeddings,
  kRoutersAndGates,  // routers, shared expert gates, in_proj_a and in_proj_b, convolution, A_log, dt_bias
  kNorms,
  kMtp,
  kVision,
  kOther
};

inline constexpr std::size_t kTensorClasses = static_cast<std::size_t>(TensorClass::kOther) + 1;

std::string_view tensor_class_name(TensorClass tensor_class);  // "routed experts", …

// By the tensor's full name, whatever the prefix of the export.
TensorClass tensor_class_of(std::string_view tensor_name);

}  // namespace nibble::checkpoint
