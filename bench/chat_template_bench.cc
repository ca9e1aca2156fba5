// Parsing a chat template, and rendering a conversation of 100 messages with tools.
#include <benchmark/benchmark.h>

#include <string>

#include "base/json.h"
#include "base/json_writer.h"
#include "support/test_files.h"
#include "text/chat_template.h"

namespace nibble::text {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::must_read;
using ::nibble::testing::shared_path;
using ::nibble::testing::source_path;

// The official template where it is at hand, else the small model's.
std::string template_source() {
  return must_read(
      shared_path("qwen36/chat_template.jinja").value_or(source_path("models/qwen36-tiny/chat_template.jinja")));
}

void write_message(JsonWriter& json, std::string_view role, const std::string& content) {
  json.begin_object();
  json.member("role", role);
  json.member("content", content);
  json.end_object();
}

void write_call(JsonWriter& json) {
  json.begin_object();
  json.member("role", "assistant");
  json.member("content", "I look that up.");
  json.member("reasoning_content", "The weather is asked for, so the tool is needed.");
  json.key("tool_calls");
  json.begin_array();
  json.value(
      must(JsonDocument::parse(R"({"function": {"name": "get_weather", "arguments": {"city": "Lisbon", "days": 3}}})"))
          .root());
  json.end_array();
  json.end_object();
}

// 25 rounds of a question, a tool call, its result and an answer.
std::string conversation() {
  JsonWriter json;
  json.begin_object();
  json.key("messages");
  json.begin_array();
  for (int round = 0; round < 25; ++round) {
    write_message(json, "user", "How will the weather be in Lisbon? " + std::string(400, 'q'));
    write_call(json);
    write_message(json, "tool", "Sunny, 24 degrees. " + std::string(1000, 't'));
    write_message(json, "assistant", "<think>\nSunny.\n</think>\n\nIt will be sunny. " + std::string(600, 'a'));
  }
  json.end_array();
  json.key("tools");
  json.value(must(JsonDocument::parse(
                      R"([{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}}])"))
                 .root());
  json.member("add_generation_prompt", true);
  json.end_object();
  return std::move(json).take();
}

void BM_ParseTemplate(benchmark::State& state) {
  std::string source = template_source();
  for (auto _ : state) benchmark::DoNotOptimize(must(ChatTemplate::parse(source)));
}
BENCHMARK(BM_ParseTemplate)->Unit(benchmark::kMicrosecond);

void BM_RenderHundredMessages(benchmark::State& state) {
  auto parsed = must(ChatTemplate::parse(template_source()));
  auto variables = must(JsonDocument::parse(conversation()));
  std::size_t bytes = 0;
  for (auto _ : state) bytes = must(parsed.render(variables.root())).size();
  state.counters["prompt_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(BM_RenderHundredMessages)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace nibble::text
