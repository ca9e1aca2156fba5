// What the table made by jinja2 cannot say: the clock, big integers of the variables, Python's case mappings.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "base/json.h"
#include "support/test_files.h"
#include "text/jinja/python_text.h"
#include "text/jinja/template.h"

namespace nibble::text::jinja {
namespace {

using nibble::testing::must;
using ::testing::HasSubstr;

Result<std::string> render(std::string_view source, std::string_view variables = "{}") {
  auto document = must(JsonDocument::parse(variables));
  ASSIGN_OR_RETURN(Template parsed, Template::parse(source));
  return parsed.render(document.root());
}

TEST(Jinja, TellsTheLocalTime) {
  auto stamp = [] {
    std::time_t now = std::time(nullptr);
    std::tm local = {};
    ::localtime_r(&now, &local);
    char text[64];
    return std::string(text, std::strftime(text, sizeof text, "%d %b %Y %H:%M", &local));
  };
  std::string before = stamp();
  std::string rendered = must(render("{{ strftime_now('%d %b %Y %H:%M') }}"));
  EXPECT_THAT(rendered, ::testing::AnyOf(before, stamp()));
}

TEST(Jinja, CarriesUnsignedIntegers) {
  constexpr std::string_view kVariables = R"({"hash": 18446744073709551615, "same": 18446744073709551615, "small": 1})";
  EXPECT_EQ(must(render("{{ hash }} {{ hash|tojson }} {{ [hash, small]|max }} {{ hash == same }} {{ '%d' % hash }}",
                        kVariables)),
            "18446744073709551615 18446744073709551615 18446744073709551615 True 18446744073709551615");
  auto sum = render("{{ hash + 1 }}", kVariables);
  ASSERT_FALSE(sum.has_value());
  EXPECT_THAT(sum.error().message(), HasSubstr("does not fit 64-bit integers"));
}

TEST(Jinja, RefusesToPrintAddresses) {
  for (std::string_view source :
       {"{{ range }}", "{{ ''.upper }}", "{{ [1]|map('string') }}", "{% macro m() %}{% endmacro %}{{ m }}"}) {
    EXPECT_FALSE(render(source).has_value()) << source;
  }
}

TEST(Jinja, KeepsLargeDictsInOrder) {
  std::string dict = "{% set d = {";
  for (int i = 0; i < 50; ++i) dict += fmt::format("'k{}': {}, ", i, i);
  dict += "'k7': 'again'} %}";
  EXPECT_EQ(must(render(dict + "{{ d|length }} {{ d.k7 }} {{ d['k49'] }} {{ (d|list)[7] }} {{ 'k50' in d }}")),
            "50 again 49 k7 False");
}

TEST(PythonText, MapsCaseAsUnicodeDoes) {
  // Python: "…".upper(), .lower(), .title(), .capitalize()
  EXPECT_EQ(to_upper("straße ŉ ﬃ \u0390 \u1FB3 ǆ"), "STRASSE ʼN FFI \u0399\u0308\u0301 \u0391\u0399 Ǆ");
  EXPECT_EQ(to_lower("ΟΔΥΣΣΕΥΣ Σ ΑΣ. ΑΣΑ İ ẞ"), "οδυσσευς σ ας. ασα i\u0307 ß");
  EXPECT_EQ(to_title("ǆungla ßa ﬁn o'neil x2y"), "ǅungla Ssa Fin O'Neil X2Y");
  EXPECT_EQ(capitalize("ÉCOLE ΣΑΣ"), "École σας");
  EXPECT_EQ(swap_case("aBc ß Σ"), "AbC SS σ");
}

TEST(PythonText, KnowsPythonsWhiteSpace) {
  for (char32_t c :
       {0x09, 0x0D, 0x1C, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) {
    EXPECT_TRUE(is_space(c)) << static_cast<std::uint32_t>(c);
  }
  for (char32_t c : {0x08, 0x0E, 0x1B, 0x200B, 0x180E, 0xFEFF})
    EXPECT_FALSE(is_space(c)) << static_cast<std::uint32_t>(c);
}

TEST(PythonText, FindsInLinearTime) {
  std::string text(1 << 20, 'a');
  std::string pattern(1 << 19, 'a');
  pattern += 'b';
  EXPECT_EQ(find_bytes(text, pattern, 0), std::string_view::npos);
  EXPECT_EQ(find_bytes("abcabc", "bc", 2), 4u);
  EXPECT_EQ(find_bytes("abc", "", 3), 3u);
  EXPECT_EQ(find_bytes("abc", "", 4), std::string_view::npos);
}

}  // namespace
}  // namespace nibble::text::jinja
