// Writes JSON as Python's json.dumps(ensure_ascii=False) does, so that files and prompts compare equal with those of
// Python tools.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace nibble {

// Python's repr(float): shortest digits that round-trip, "1e-06", "10000000.0", "1e+16".
std::string python_float(double value);

// A JSON string literal with quotes; non-ASCII text is kept as UTF-8.
std::string json_quote(std::string_view text);

// Usage: JsonWriter w(2); w.begin_object(); w.key("n"); w.value(3); w.end_object(); std::string text =
// std::move(w).take(); indent < 0: one line with ", " and ": " as Python's default separators; otherwise that many
// spaces a level.
class JsonWriter {
 public:
  explicit JsonWriter(int indent = -1) : indent_(indent) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool flag);
  void value(double number);  // NaN and infinities become null, which JSON has instead
  void value(std::integral auto number) { integer(static_cast<std::int64_t>(number)); }
  void value(std::uint64_t number);
  void null();
  // A whole subtree, unchanged.
  void value(JsonView view);

  template <typename T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

  std::string take() && { return std::move(text_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void integer(std::int64_t number);
  void before_value();
  void new_line();

  int indent_;
  std::string text_;
  std::vector<bool> level_has_items_;
  bool after_key_ = false;
};

}  // namespace nibble
