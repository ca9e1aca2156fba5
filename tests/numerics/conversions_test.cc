// Every code of every format, and the conversions recorded from torch and ml_dtypes by tools/golden/numerics.py.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/json.h"
#include "numerics/bf16.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "numerics/e8m0.h"
#include "numerics/f16.h"
#include "support/sha256.h"
#include "support/test_files.h"

namespace nibble::numerics {
namespace {

using nibble::testing::golden_path;
using nibble::testing::must;
using nibble::testing::must_read;
using nibble::testing::sha256_hex;

struct Conversion {
  float input;
  std::uint16_t bf16;
  std::uint16_t f16;
  std::uint8_t e4m3;
  std::uint8_t e4m3_saturating;
  std::uint8_t e8m0;
  std::uint8_t e2m1;
};
static_assert(sizeof(Conversion) == 12);

std::vector<Conversion> golden_conversions() {
  const std::string bytes = must_read(golden_path("numerics/conversions.bin"));
  std::vector<Conversion> conversions(bytes.size() / sizeof(Conversion));
  std::memcpy(conversions.data(), bytes.data(), conversions.size() * sizeof(Conversion));
  return conversions;
}

TEST(Conversions, FromFloatEqualsTorchAndMlDtypes) {
  const std::vector<Conversion> conversions = golden_conversions();
  ASSERT_GT(conversions.size(), 10'000U);
  for (const Conversion& golden : conversions) {
    SCOPED_TRACE(::testing::Message() << std::hexfloat << golden.input);
    EXPECT_EQ(bf16_from_float(golden.input), golden.bf16);
    EXPECT_EQ(f16_from_float(golden.input), golden.f16);
    EXPECT_EQ(e4m3_from_float(golden.input), golden.e4m3);
    EXPECT_EQ(e4m3_from_float_saturating(golden.input), golden.e4m3_saturating);
    EXPECT_EQ(e8m0_from_float(golden.input), golden.e8m0);
    EXPECT_EQ(e2m1_from_float(golden.input), golden.e2m1);
    if (::testing::Test::HasFailure()) break;
  }
}

template <typename Code>
std::string hash_of_decoded(int codes, float (*decode)(Code)) {
  std::vector<float> values;
  for (int code = 0; code < codes; ++code) {
    const float value = decode(static_cast<Code>(code));
    values.push_back(std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value);
  }
  return sha256_hex(std::as_bytes(std::span(values)));
}

TEST(Conversions, EveryCodeDecodesAsInTorch) {
  const JsonDocument document = must(JsonDocument::parse(must_read(golden_path("numerics/decoded.json"))));
  const auto golden = [&](const char* format) { return must(required_string(document.root(), format)); };
  EXPECT_EQ(hash_of_decoded(65536, bf16_to_float), golden("bf16"));
  EXPECT_EQ(hash_of_decoded(65536, f16_to_float), golden("f16"));
  EXPECT_EQ(hash_of_decoded(256, e4m3_to_float), golden("e4m3"));
  EXPECT_EQ(hash_of_decoded(256, e8m0_to_float), golden("e8m0"));
  EXPECT_EQ(hash_of_decoded(16, e2m1_to_float), golden("e2m1"));
}

// Every code that is no NaN comes back from its own value; -0 of E2M1 alone becomes +0, by ModelOpt's sign rule.
TEST(Conversions, EveryCodeRoundTrips) {
  for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
    const auto bits = static_cast<std::uint16_t>(code);
    if (const float value = bf16_to_float(bits); !std::isnan(value)) {
      ASSERT_EQ(bf16_from_float(value), bits);
    }
    if (const float value = f16_to_float(bits); !std::isnan(value)) {
      ASSERT_EQ(f16_from_float(value), bits);
    }
  }
  for (int i = 0; i <= 0xFF; ++i) {
    const auto code = static_cast<std::uint8_t>(i);
    if (!e4m3_is_nan(code)) {
      EXPECT_EQ(e4m3_from_float(e4m3_to_float(code)), code);
      EXPECT_EQ(e4m3_from_float_saturating(e4m3_to_float(code)), code);
    }
    EXPECT_EQ(e8m0_from_float(e8m0_to_float(code)), code);
  }
  for (int i = 0; i < 16; ++i) {
    const auto code = static_cast<std::uint8_t>(i);
    EXPECT_EQ(e2m1_from_float(e2m1_to_float(code)), code == 8 ? 0 : code);
  }
}

TEST(Conversions, NanStaysNan) {
  for (const float nan : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                          std::bit_cast<float>(0x7F800001U)}) {
    EXPECT_TRUE(std::isnan(bf16_to_float(bf16_from_float(nan))));
    EXPECT_TRUE(std::isnan(f16_to_float(f16_from_float(nan))));
    EXPECT_TRUE(std::isnan(e4m3_to_float(e4m3_from_float(nan))));
    EXPECT_TRUE(std::isnan(e4m3_to_float(e4m3_from_float_saturating(nan))));
    EXPECT_TRUE(std::isnan(e8m0_to_float(e8m0_from_float(nan))));
  }
}

}  // namespace
}  // namespace nibble::numerics
