// Templates from arbitrary bytes over a fixed set of variables: parse, and render within small limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "text/jinja/template.h"

namespace {

// The names that the seeds use (tools/golden/jinja_snippets.py).
constexpr std::string_view kVariables = R"({
  "name": "Ada", "empty": "", "yes": true, "no": false, "nothing": null, "one": 1, "seven": 7, "minus": -3, "half": 0.5,
  "big": 9007199254740993, "huge": 18446744073709551615, "numbers": [3, 1, 2], "words": ["pear", "Apple", "fig"],
  "mixed": [1, "a", null, 2.5, true, [1, "x"], {"k": "v"}], "nested": {"a": {"b": {"c": [10, 20, 30]}}},
  "user": {"name": "Ada", "age": 36, "tags": ["x", "y"]},
  "people": [{"name": "Bo", "age": 30, "on": true}, {"name": "al", "age": 25, "on": false}],
  "text": "  Hello, World!\n", "lines": "one\ntwo\r\nthree", "wide": "naïve 日本語 😀", "spaces": "\u00a0x\u3000\u0085",
  "quotes": "it's \"so\"", "html": "<a>&'</a>", "shadow": {"items": 1, "keys": "K"},
  "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "text", "text": "Zoë"}]},
               {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]}],
  "tools": [{"name": "f", "parameters": {"type": "object"}}], "add_generation_prompt": true})";

constexpr nibble::text::jinja::Limits kLimits = {
    .steps = 20'000, .text_bytes = 1 << 16, .created_bytes = 4 << 20, .weight = 5'000};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto variables = nibble::JsonDocument::parse(kVariables);
  NIBBLE_CHECK(variables.has_value());
  std::string_view source(reinterpret_cast<const char*>(data), size);
  auto parsed = nibble::text::jinja::Template::parse(source);
  if (!parsed) return 0;
  auto first = parsed->render(variables->root(), kLimits);
  // A second rendering starts from the same state: nothing of the first may remain in the template.
  if (first && source.find("strftime_now") == std::string_view::npos) {
    auto second = parsed->render(variables->root(), kLimits);
    NIBBLE_CHECK(second.has_value() && *second == *first);
  }
  return 0;
}
