#include "checkpoint/dtype.h"

#include <gmock/gmock.h>

namespace nibble::checkpoint {
namespace {

TEST(DType, NamesAndSizesAreThoseOfSafetensors) {
  struct Known {
    DType dtype;
    std::string_view name;
    std::size_t bytes;
  };
  const Known known[] = {{DType::kBool, "BOOL", 1},      {DType::kU8, "U8", 1},          {DType::kI8, "I8", 1},
                         {DType::kF8E4M3, "F8_E4M3", 1}, {DType::kF8E5M2, "F8_E5M2", 1}, {DType::kF8E8M0, "F8_E8M0", 1},
                         {DType::kI16, "I16", 2},        {DType::kU16, "U16", 2},        {DType::kF16, "F16", 2},
                         {DType::kBF16, "BF16", 2},      {DType::kI32, "I32", 4},        {DType::kU32, "U32", 4},
                         {DType::kF32, "F32", 4},        {DType::kI64, "I64", 8},        {DType::kU64, "U64", 8},
                         {DType::kF64, "F64", 8}};
  for (const Known& one : known) {
    EXPECT_EQ(dtype_name(one.dtype), one.name);
    EXPECT_EQ(dtype_bytes(one.dtype), one.bytes) << one.name;
    EXPECT_EQ(dtype_from_name(one.name), one.dtype) << one.name;
  }
  EXPECT_EQ(dtype_from_name("bf16"), std::nullopt);
  EXPECT_EQ(dtype_from_name("F4"), std::nullopt);
  EXPECT_EQ(dtype_from_name(""), std::nullopt);
}

}  // namespace
}  // namespace nibble::checkpoint
