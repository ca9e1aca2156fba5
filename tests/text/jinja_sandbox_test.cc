// Templates that try to use up the machine: each ends with an error, soon and without a crash.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "support/test_files.h"
#include "text/jinja/template.h"

namespace nibble::text::jinja {
namespace {

using nibble::testing::must;
using ::testing::HasSubstr;

std::string repeated(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

Limits small_limits() { return {.steps = 200'000, .text_bytes = 1 << 20, .created_bytes = 32 << 20, .weight = 20'000}; }

Result<std::string> render(std::string_view source, const Limits& limits = small_limits()) {
  auto variables = must(JsonDocument::parse("{}"));
  ASSIGN_OR_RETURN(Template parsed, Template::parse(source));
  return parsed.render(variables.root(), limits);
}

void expect_error(std::string_view source, const std::string& message) {
  SCOPED_TRACE(source.substr(0, 200));
  auto outcome = render(source);
  ASSERT_FALSE(outcome.has_value()) << outcome->size() << " bytes";
  EXPECT_THAT(outcome.error().describe(), HasSubstr(message));
}

TEST(JinjaSandbox, StopsEndlessWork) {
  const std::string loop = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
  expect_error(loop, "more than 200000 steps");
  expect_error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deeper than 400 levels");
  expect_error("{% macro a(f) %}{{ f(f) }}{% endmacro %}{{ a(a) }}", "deeper than 400 levels");
  expect_error("{% set ns = namespace(x='a') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
               "longer than 1048576 bytes");
  expect_error("{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
               "more than 20000 values");
  expect_error("{% for i in range(9999) %}{% set x = 'abcdefgh' * 9999 %}{% endfor %}", "bytes of values");
  expect_error("{% for i in range(9999) %}{{ 'abcdefgh' * 99 }}{% endfor %}", "limit");
}

TEST(JinjaSandbox, StopsHugeSingleSteps) {
  for (std::string_view source :
       {"{{ 'x' * 999999999999 }}", "{{ 999999999999 * 'x' }}", "{{ 'x'|center(999999999999) }}",
        "{{ 'x'.zfill(99999999) }}", "{{ ('a' * 9999).replace('a', 'b' * 9999) }}",
        "{{ ('a' * 9999)|replace('', 'b' * 9999) }}", "{{ 'x'.ljust(9999999) }}", "{{ 'a\nb'|indent(999999999) }}",
        "{{ range(9999)|join('x' * 9999) }}", "{{ ('x' * 9999).join(range(9999)|map('string')) }}",
        "{{ ['x']|tojson(indent='x' * 99999999) }}", "{{ range(9999)|list|tojson(indent='x' * 9999) }}"}) {
    expect_error(source, "longer than 1048576 bytes");
  }
  expect_error("{{ [0] * 999999999999 }}", "repeated to more than 20000 items");
  expect_error("{{ range(999999999999) }}", "more than the 100000");
  expect_error("{{ range(-9223372036854775807, 9223372036854775807) }}", "more than the 100000");
  expect_error("{{ '%99999999d' % 1 }}", "wider than 1000");
  expect_error("{{ '%.99999999f' % 1 }}", "wider than 1000");
  expect_error("{{ '%*d' % (99999999, 1) }}", "wider than 1000");
  expect_error("{{ [1]|tojson(indent=99999999) }}", "an indent of 99999999 spaces");
  expect_error("{{ strftime_now('%9999999d') }}", "too long");
}

TEST(JinjaSandbox, StopsDeepAndSharedValues) {
  expect_error("{% set ns = namespace(x=[]) %}{% for i in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}",
               "deeper than 200 levels");
  // 2^90 values when written out, though hardly any memory: the weight counts shared ones each time.
  expect_error(
      "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "more than 20000 values");
  expect_error(
      "{% set ns = namespace(x={}) %}{% for i in range(90) %}{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}",
      "more than 20000 values");
  expect_error("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "too deeply to print");
}

TEST(JinjaSandbox, FreesCycles) {  // the leak checker of the asan build is the judge
  EXPECT_EQ(
      must(render(
          "{% set ns = namespace() %}{% set ns.x = [ns, {'a': ns}] %}{% macro m() %}{% endmacro %}{% set ns.m = m %}"
          "{% for i in [ns] %}{% set ns.loop = loop %}{% set ns.c = loop.cycle %}{{ loop.changed(loop.changed) }}"
          "{% macro inner() %}{{ i }}{% endmacro %}{% set ns.inner = inner %}{% endfor %}")),
      "True");
  EXPECT_FALSE(render("{% for x in [1, 2] if x.y.z %}{% endfor %}").has_value());
}

TEST(JinjaSandbox, RefusesDeepTemplates) {
  constexpr int kDeep = 10'000;
  for (auto [opening, middle, closing] :
       {std::array{"(", "1", ")"}, std::array{"[", "1", "]"}, std::array{"{1:", "1", "}"}, std::array{"x[", "1", "]"},
        std::array{"f(", "1", ")"}, std::array{"not ", "1", ""}, std::array{"-", "1", ""},
        std::array{"1 if 1 else ", "1", ""}, std::array{"1|default(", "1", ")"}, std::array{"1 is eq(", "1", ")"}}) {
    std::string source = "{{ " + repeated(opening, kDeep) + middle + repeated(closing, kDeep) + " }}";
    auto outcome = Template::parse(source);
    ASSERT_FALSE(outcome.has_value()) << opening;
    EXPECT_THAT(outcome.error().message(), HasSubstr("150")) << opening;
  }
  for (std::string_view chain :
       {" + 1", " and 1", " or 1", "|abs", ".a", "[0]", "()", " is none", " if 1", " ** 1", " * 1"}) {
    auto outcome = Template::parse("{{ 1" + repeated(chain, kDeep) + " }}");
    ASSERT_FALSE(outcome.has_value()) << chain;
  }
  expect_error(repeated("{% if 1 %}", kDeep), "nested deeper than 150 levels");
  expect_error(repeated("{% for x in [1] %}", kDeep), "nested deeper than 150 levels");
  expect_error("{% set " + repeated("(", kDeep) + "a" + repeated(")", kDeep) + " = 1 %}",
               "nested deeper than 150 levels");
}

TEST(JinjaSandbox, AllowsWhatTemplatesNeed) {
  // Concatenations and comparisons are flat however long; other operators may stand in a row a hundred times.
  EXPECT_EQ(must(render("{{ 1" + repeated(" ~ 1", 5000) + " }}")).size(), 5001u);
  EXPECT_EQ(must(render("{{ 1" + repeated(" + 1", 100) + " }}")), "101");
  EXPECT_EQ(must(render(repeated("{% if 1 %}", 100) + "x" + repeated("{% endif %}", 100))), "x");
  EXPECT_EQ(must(render("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% else %}x{% endif %}{% endmacro %}{{ m(60) }}")),
            "x");
  std::string elifs = "{% if 0 %}" + repeated("{% elif 0 %}", 5000) + "{% else %}x{% endif %}";
  EXPECT_EQ(must(render(elifs)), "x");
}

TEST(JinjaSandbox, HasNoWayToChangeAValue) {
  for (std::string_view source :
       {"{{ [].append(1) }}", "{{ {}.update({}) }}", "{{ {}.pop('a') }}", "{{ [].sort() }}", "{{ ''.__class__.x }}",
        "{% set x = [1] %}{% set x[0] = 2 %}", "{% set d = {} %}{% set d.a = 2 %}", "{{ range.__globals__.x }}"}) {
    EXPECT_FALSE(render(source).has_value()) << source;
  }
}

TEST(JinjaSandbox, RefusesCrowdedScopes) {
  std::string sets;
  std::string attributes = "{% set ns = namespace() %}";
  for (int i = 0; i < 1100; ++i) {
    sets += fmt::format("{{% set a{} = 1 %}}", i);
    attributes += fmt::format("{{% set ns.a{} = 1 %}}", i);
  }
  expect_error(sets, "more than 1000 variables");
  expect_error(attributes, "more than 1000 attributes");
}

TEST(JinjaSandbox, ChecksIntegers) {
  for (std::string_view source :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 4611686018427387904 * 2 }}",
        "{{ 3 ** 99 }}", "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1)|abs }}", "{{ 1e300|int }}", "{{ 9223372036854775808 }}",
        "{{ [9223372036854775807, 1]|sum }}", "{{ 9223372036854775807|round(-1) }}"}) {
    EXPECT_FALSE(render(source).has_value()) << source;
  }
  EXPECT_EQ(must(render("{{ (-9223372036854775807 - 1) % -1 }} {{ -9223372036854775807 - 1 }} {{ 2 ** 62 }}")),
            "0 -9223372036854775808 4611686018427387904");
}

}  // namespace
}  // namespace nibble::text::jinja
