#include "checkpoint/dtype.h"

#include <array>

namespace nibble::checkpoint {
namespace {

struct DTypeFacts {
  std::string_view name;
  std::size_t bytes;
};

// In the order of the enumerators.
constexpr std::array<DTypeFacts, 16> kFacts{{{"BOOL", 1},
                                             {"U8", 1},
                                             {"I8", 1},
                                             {"F8_E4M3", 1},
                                             {"F8_E5M2", 1},
                                             {"F8_E8M0", 1},
                                             {"I16", 2},
                                             {"U16", 2},
                                             {"F16", 2},
                                             {"BF16", 2},
                                             {"I32", 4},
                                             {"U32", 4},
                                             {"F32", 4},
                                             {"I64", 8},
                                             {"U64", 8},
                                             {"F64", 8}}};
static_assert(static_cast<std::size_t>(DType::kF64) + 1 == kFacts.size());

const DTypeFacts& facts(DType dtype) { return kFacts[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view dtype_name(DType dtype) { return facts(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::size_t dtype_bytes(DType dtype) { return facts(dtype).bytes; }

}  // namespace nibble::checkpoint
