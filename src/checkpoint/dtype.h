// Element types of tensors on disk, with the names that safetensors gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nibble::checkpoint {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kF8E8M0,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kI64,
  kU64,
  kF64
};

std::string_view dtype_name(DType dtype);  // "F8_E4M3", "BF16", …
std::optional<DType> dtype_from_name(std::string_view name);
std::size_t dtype_bytes(DType dtype);

}  // namespace nibble::checkpoint
