#include "base/json_writer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace nibble {

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view scientific(buffer, end);
  int exponent = 0;
  std::string_view exponent_text = scientific.substr(scientific.find('e') + 1);
  if (exponent_text.front() == '+') exponent_text.remove_prefix(1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  // Python switches to an exponent below 1e-4 and from 1e16 on; to_chars writes exponents of two digits, as Python
  // does.
  if (value != 0 && (exponent < -4 || exponent >= 16)) return std::string(scientific);
  char fixed[400];
  end = std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr;
  std::string text(fixed, end);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string json_quote(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    switch (c) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '\r': quoted += "\\r"; break;
      case '\t': quoted += "\\t"; break;
      case '\b': quoted += "\\b"; break;
      case '\f': quoted += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          quoted += c;
        }
    }
  }
  return quoted + '"';
}

void JsonWriter::new_line() {
  if (indent_ < 0) return;
  text_ += '\n';
  text_.append(static_cast<std::size_t>(indent_) * level_has_items_.size(), ' ');
}

void JsonWriter::before_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (level_has_items_.empty()) return;
  if (level_has_items_.back()) text_ += indent_ < 0 ? ", " : ",";
  level_has_items_.back() = true;
  new_line();
}

void JsonWriter::open(char bracket) {
  before_value();
  text_ += bracket;
  level_has_items_.push_back(false);
}

void JsonWriter::close(char bracket) {
  bool had_items = level_has_items_.back();
  level_has_items_.pop_back();
  if (had_items) new_line();
  text_ += bracket;
}

void JsonWriter::key(std::string_view name) {
  before_value();
  text_ += json_quote(name) + ": ";
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  before_value();
  text_ += json_quote(text);
}

void JsonWriter::value(bool flag) {
  before_value();
  text_ += flag ? "true" : "false";
}

void JsonWriter::value(double number) {
  before_value();
  text_ += std::isfinite(number) ? python_float(number) : "null";
}

void JsonWriter::integer(std::int64_t number) {
  before_value();
  text_ += std::to_string(number);
}

void JsonWriter::value(std::uint64_t number) {
  before_value();
  text_ += std::to_string(number);
}

void JsonWriter::null() {
  before_value();
  text_ += "null";
}

void JsonWriter::value(JsonView view) {
  switch (view.kind()) {
    case JsonKind::kNull: return null();
    case JsonKind::kBool: return value(*view.as_bool());
    case JsonKind::kInteger: return integer(*view.as_integer());
    case JsonKind::kUnsigned: return value(*view.as_unsigned());
    case JsonKind::kDouble: return value(*view.as_double());
    case JsonKind::kString: return value(*view.as_string());
    case JsonKind::kArray:
      begin_array();
      for (std::size_t i = 0; i < view.size(); ++i) value(view.element(i));
      return end_array();
    case JsonKind::kObject:
      begin_object();
      for (std::size_t i = 0; i < view.size(); ++i) {
        key(view.key(i));
        value(view.element(i));
      }
      return end_object();
  }
}

}  // namespace nibble
