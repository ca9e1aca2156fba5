#include "checkpoint/tensor_class.h"

#include <array>
#include <cstddef>

#include "checkpoint/module_pattern.h"

namespace nibble::checkpoint {
namespace {

struct NamedClass {
  std::string_view prefix;
  TensorClass tensor_class;
};

constexpr std::array<NamedClass, 5> kTopLevel{{{"visual.", TensorClass::kVision},
                                               {"mtp.", TensorClass::kMtp},
                                               {"lm_head.", TensorClass::kLmHead},
                                               {"embed_tokens.", TensorClass::kEmbeddings},
                                               {"norm.", TensorClass::kNorms}}};

// After "layers.N."; the first prefix that fits decides.
constexpr std::array<NamedClass, 15> kInLayer{{{"mlp.experts.", TensorClass::kRoutedExperts},
                                               {"mlp.shared_expert.", TensorClass::kSharedExperts},
                                               {"mlp.gate.", TensorClass::kRoutersAndGates},
                                               {"mlp.shared_expert_gate.", TensorClass::kRoutersAndGates},
                                               {"self_attn.q_norm.", TensorClass::kNorms},
                                               {"self_attn.k_norm.", TensorClass::kNorms},
                                               {"self_attn.", TensorClass::kAttention},
                                               {"linear_attn.norm.", TensorClass::kNorms},
                                               {"linear_attn.in_proj_qkv.", TensorClass::kDeltaNet},
                                               {"linear_attn.in_proj_z.", TensorClass::kDeltaNet},
                                               {"linear_attn.out_proj.", TensorClass::kDeltaNet},
                                               {"linear_attn.", TensorClass::kRoutersAndGates},
                                               {"input_layernorm.", TensorClass::kNorms},
                                               {"post_attention_layernorm.", TensorClass::kNorms},
                                               {"", TensorClass::kOther}}};

}  // namespace

std::string_view tensor_class_name(TensorClass tensor_class) {
  switch (tensor_class) {
    case TensorClass::kRoutedExperts: return "routed experts";
    case TensorClass::kSharedExperts: return "shared experts";
    case TensorClass::kAttention: return "attention";
    case TensorClass::kDeltaNet: return "DeltaNet";
    case TensorClass::kLmHead: return "lm_head";
    case TensorClass::kEmbeddings: return "embeddings";
    case TensorClass::kRoutersAndGates: return "routers, gates, conv";
    case TensorClass::kNorms: return "norms";
    case TensorClass::kMtp: return "MTP";
    case TensorClass::kVision: return "vision";
    case TensorClass::kOther: return "other";
  }
  return "other";
}

TensorClass tensor_class_of(std::string_view tensor_name) {
  std::string_view name = without_wrapper(tensor_name);
  for (const NamedClass& known : kTopLevel) {
    if (name.starts_with(known.prefix)) return known.tensor_class;
  }
  constexpr std::string_view kLayers = "layers.";
  const std::size_t dot = name.find('.', kLayers.size());
  if (!name.starts_with(kLayers) || dot == std::string_view::npos) return TensorClass::kOther;
  name.remove_prefix(dot + 1);
  for (const NamedClass& known : kInLayer) {
    if (name.starts_with(known.prefix)) return known.tensor_class;
  }
  return TensorClass::kOther;
}

}  // namespace nibble::checkpoint
