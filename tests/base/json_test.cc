#include "base/json.h"

#include <gmock/gmock.h>

#include <string>

namespace nibble {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  auto document = JsonDocument::parse(text);
  return document ? "no error" : document.error().describe();
}

TEST(Json, KeepsOrderKindsAndValues) {
  auto document =
      JsonDocument::parse(R"({"z": 1, "a": [true, null, "é\n", -2.5, 18446744073709551615], "m": {"k": {}}})");
  ASSERT_TRUE(document) << document.error().describe();
  JsonView root = document->root();
  ASSERT_EQ(root.size(), 3U);
  EXPECT_EQ(root.key(0), "z");
  EXPECT_EQ(root.key(1), "a");
  EXPECT_EQ(root.find("z").as_integer(), 1);
  JsonView array = root.find("a");
  EXPECT_EQ(array.element(0).as_bool(), true);
  EXPECT_TRUE(array.element(1).is_null() && array.element(1).exists());
  EXPECT_EQ(array.element(2).as_string(), "é\n");
  EXPECT_EQ(array.element(3).as_double(), -2.5);
  EXPECT_EQ(array.element(4).as_unsigned(), 18446744073709551615U);
  EXPECT_FALSE(array.element(5).exists());
  EXPECT_TRUE(root.find("m").find("k").is_object());
  EXPECT_FALSE(root.find("m").find("k").find("none").exists());
}

TEST(Json, RefusesWhatReadersDisagreeAbout) {
  EXPECT_THAT(error_of(R"({"a": 1, "b": 2, "a": 3})"), HasSubstr("the key 'a' stands twice"));
  EXPECT_THAT(error_of(R"({"a": NaN})"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("{} {}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("{\"a\": \"\xff\"}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of("[1, 2"), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of(std::string(100, '[') + std::string(100, ']')), HasSubstr("deeper than 64"));
}

TEST(Json, TypedMembersNameKeyExpectationAndFinding) {
  auto document = JsonDocument::parse(R"({"n": 7, "s": "x", "f": 0.5, "huge": 1152921504606846976, "nothing": null})");
  ASSERT_TRUE(document);
  JsonView root = document->root();
  EXPECT_EQ(required_integer(root, "n", 1, 10), 7);
  EXPECT_EQ(optional_integer(root, "absent", 3, 1, 10), 3);
  EXPECT_EQ(optional_integer(root, "nothing", 3, 1, 10), 3);
  EXPECT_EQ(required_number(root, "n"), 7.0);
  EXPECT_THAT(required_integer(root, "huge", 1, 4096).error().message(),
              HasSubstr("'huge': expected an integer from 1 to 4096, found 1152921504606846976"));
  EXPECT_THAT(required_integer(root, "s", 1, 10).error().message(), HasSubstr("found a string"));
  EXPECT_THAT(required_integer(root, "absent", 1, 10).error().message(), HasSubstr("found nothing"));
  EXPECT_THAT(optional_bool(root, "n", true).error().message(), HasSubstr("expected true or false, found an integer"));
}

}  // namespace
}  // namespace nibble
