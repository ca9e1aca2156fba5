#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

namespace nibble {
namespace {

// Right-hand sides printed by Python 3.11's repr().
TEST(JsonWriter, PrintsFloatsAsPython) {
  EXPECT_EQ(python_float(0.1), "0.1");
  EXPECT_EQ(python_float(1e-6), "1e-06");
  EXPECT_EQ(python_float(0.0001), "0.0001");
  EXPECT_EQ(python_float(0.00001), "1e-05");
  EXPECT_EQ(python_float(1e7), "10000000.0");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(9999999999999998.0), "9999999999999998.0");
  EXPECT_EQ(python_float(-0.0), "-0.0");
  EXPECT_EQ(python_float(5e-324), "5e-324");
  EXPECT_EQ(python_float(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(python_float(std::numeric_limits<double>::infinity()), "inf");
}

TEST(JsonWriter, OneLineUsesPythonsSeparators) {
  JsonWriter writer;
  writer.begin_object();
  writer.member("a", 1);
  writer.key("b");
  writer.begin_array();
  writer.value("x\"\n\x01é");
  writer.value(true);
  writer.null();
  writer.value(2.0);
  writer.end_array();
  writer.key("c");
  writer.begin_object();
  writer.end_object();
  writer.end_object();
  EXPECT_EQ(std::move(writer).take(), R"({"a": 1, "b": ["x\"\n\u0001é", true, null, 2.0], "c": {}})");
}

TEST(JsonWriter, IndentsAsPythonAndCopiesTrees) {
  const std::string text = "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"e\": []\n}";
  auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document);
  JsonWriter writer(2);
  writer.value(document->root());
  EXPECT_EQ(std::move(writer).take(), text);
}

}  // namespace
}  // namespace nibble
