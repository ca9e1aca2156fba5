#include "checkpoint/safetensors_header.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace nibble::checkpoint {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string with_length(std::string_view json, std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes + std::string(json);
}

// Parses a header in front of data_bytes bytes of data.
Result<SafetensorsHeader> parse(std::string_view json, std::uint64_t data_bytes) {
  std::string bytes = with_length(json, json.size());
  return parse_safetensors_header(std::as_bytes(std::span(bytes)), bytes.size() + data_bytes);
}

std::string error_of(std::string_view json, std::uint64_t data_bytes) {
  auto header = parse(json, data_bytes);
  return header ? "no error" : header.error().describe();
}

TEST(SafetensorsHeader, ReadsTensorsInTheOrderOfTheirData) {
  std::string json = R"({"__metadata__": {"format": "pt"},
    "b": {"dtype": "F8_E4M3", "shape": [2, 3], "data_offsets": [8, 14]},
    "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    "empty": {"dtype": "U8", "shape": [0, 7], "data_offsets": [14, 14]},
    "c\u00e9": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [4, 8]}}    )";
  auto header = parse(json, 14);
  ASSERT_TRUE(header) << header.error().describe();
  ASSERT_EQ(header->tensors.size(), 4U);
  const std::uint64_t data_start = 8 + json.size();
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].shape.rank(), 0U);
  EXPECT_EQ(header->tensors[0].shape.elements(), 1);
  EXPECT_EQ(header->tensors[0].offset, data_start);
  EXPECT_EQ(header->tensors[1].name, "cé");
  EXPECT_EQ(header->tensors[1].dtype, DType::kBF16);
  EXPECT_EQ(header->tensors[2].name, "b");
  EXPECT_EQ(header->tensors[2].shape, Shape({2, 3}));
  EXPECT_EQ(header->tensors[2].offset, data_start + 8);
  EXPECT_EQ(header->tensors[2].size, 6U);
  EXPECT_EQ(header->tensors[3].name, "empty");
  EXPECT_EQ(header->tensors[3].size, 0U);
  EXPECT_TRUE(parse("{}", 0));
}

TEST(SafetensorsHeader, RefusesLengthsThatCannotBe) {
  auto error = [](std::string_view bytes, std::uint64_t file_size) {
    auto header = parse_safetensors_header(std::as_bytes(std::span(bytes)), file_size);
    return header ? "no error" : header.error().describe();
  };
  EXPECT_THAT(error("", 0), AllOf(HasSubstr("0 bytes"), HasSubstr("download it again")));
  EXPECT_THAT(error("1234567", 7), HasSubstr("truncated"));
  EXPECT_THAT(error(with_length("{}", 3), 10), HasSubstr("claims 3 bytes but the file has only 10"));
  EXPECT_THAT(error(with_length("{}", 100'000'001), 200'000'000),
              AllOf(HasSubstr("100000001"), HasSubstr("is this a safetensors file")));
  EXPECT_THAT(error(with_length("{}", ~std::uint64_t{0}), 10), HasSubstr("18446744073709551615"));
}

TEST(SafetensorsHeader, RefusesMalformedTensors) {
  auto tensor = [](std::string_view body) { return error_of("{\"x\": " + std::string(body) + "}", 4); };
  EXPECT_THAT(error_of("[1]", 0), HasSubstr("expected an object of tensors, found an array"));
  EXPECT_THAT(error_of("{\"x\": ", 0), HasSubstr("header: not valid JSON"));
  EXPECT_THAT(tensor("7"), AllOf(HasSubstr("tensor \"x\""), HasSubstr("found an integer")));
  EXPECT_THAT(tensor(R"({"shape": [4], "data_offsets": [0, 4]})"), HasSubstr("'dtype': expected a string"));
  EXPECT_THAT(tensor(R"({"dtype": "F4", "shape": [8], "data_offsets": [0, 4]})"), HasSubstr("no element type \"F4\""));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "data_offsets": [0, 4]})"), HasSubstr("'shape': expected an array"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [-4], "data_offsets": [0, 4]})"), HasSubstr("dimension 0"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [1, 4.0], "data_offsets": [0, 4]})"), HasSubstr("dimension 1"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [18446744073709551615], "data_offsets": [0, 4]})"),
              HasSubstr("dimension 0"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [1,1,1,1,1,1,1,1,4], "data_offsets": [0, 4]})"),
              HasSubstr("at most 8 dimensions, found 9"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]})"),
              HasSubstr("exceeds 2^63"));
  EXPECT_THAT(tensor(R"({"dtype": "F64", "shape": [9223372036854775807], "data_offsets": [0, 4]})"),
              HasSubstr("more than 2^64 bytes"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4]})"), HasSubstr("'data_offsets': expected [begin, end]"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4], "data_offsets": [4, 0]})"), HasSubstr("begin <= end"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4], "data_offsets": [-4, 0]})"), HasSubstr("begin <= end"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4], "data_offsets": [0, 4, 4]})"), HasSubstr("begin <= end"));
  EXPECT_THAT(tensor(R"({"dtype": "BF16", "shape": [4], "data_offsets": [0, 4]})"),
              HasSubstr("BF16 [4] has 8 bytes, but data_offsets [0, 4] hold 4"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [5], "data_offsets": [0, 5]})"),
              HasSubstr("[0, 5] lie outside the file, which has 4 bytes of data"));
  EXPECT_THAT(tensor(R"({"dtype": "U8", "shape": [4], "data_offsets": [18446744073709551612, 18446744073709551615]})"),
              HasSubstr("hold 3"));
}

TEST(SafetensorsHeader, RefusesOverlapsHolesAndDuplicates) {
  EXPECT_THAT(error_of(R"({"x": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
                           "y": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}})",
                       4),
              AllOf(HasSubstr("\"x\" and \"y\" overlap"), HasSubstr("byte 2")));
  EXPECT_THAT(error_of(R"({"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                           "y": {"dtype": "U8", "shape": [1], "data_offsets": [3, 4]}})",
                       4),
              HasSubstr("1 bytes before tensor \"y\""));
  EXPECT_THAT(error_of(R"({"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}})", 4),
              HasSubstr("2 bytes after the last tensor"));
  EXPECT_THAT(error_of(R"({"x": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                           "x": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}})",
                       4),
              HasSubstr("the key 'x' stands twice"));
}

TEST(SafetensorsHeader, NamesInMessagesAreHarmless) {
  EXPECT_EQ(quoted_name("a\x1b[31m\n"), "\"a\\u001b[31m\\n\"");
  std::string shown = quoted_name(std::string(299, 'x') + "é" + std::string(5000, 'y'));
  EXPECT_THAT(shown, AllOf(HasSubstr("x\"… (5301 bytes)")));
  EXPECT_LT(shown.size(), 400U);
}

}  // namespace
}  // namespace nibble::checkpoint
