// json.dumps() of template values (printing.h).
#include <fmt/format.h>

#include <cmath>

#include "base/json_writer.h"
#include "text/jinja/comparison.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

class Writer {
 public:
  Writer(TextBuilder& out, const JsonStyle& style) : out_(out), style_(style) {}

  Status value(const Value& value) {
    if (out_.full()) return {};
    if (const Dict* dict = value.dict()) return object(*dict);
    if (value.is_list() || value.is_tuple()) return array(value.sequence()->items);
    if (const Text* text = value.text()) {
      string(text->bytes);
      return {};
    }
    auto scalar = scalar_text(value);
    if (!scalar) return invalid_input(fmt::format("an object of type {} has no JSON form", value.type_name()));
    out_.append(*scalar);
    return {};
  }

 private:
  // null, true, numbers; nullopt for what JSON does not have. NaN and infinities are written as Python writes them.
  static std::optional<std::string> scalar_text(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* truth = value.boolean()) return *truth ? "true" : "false";
    if (auto integer = value.integer()) return std::to_string(*integer);
    if (auto huge = value.huge_integer()) return std::to_string(*huge);
    const double* real = value.real();
    if (real == nullptr) return std::nullopt;
    if (std::isnan(*real)) return "NaN";
    if (std::isinf(*real)) return *real > 0 ? "Infinity" : "-Infinity";
    return python_float(*real);
  }

  void string(std::string_view text) {
    std::string quoted = json_quote(text);
    if (!style_.ensure_ascii) {
      out_.append(quoted);
      return;
    }
    for (std::size_t position = 0; position < quoted.size();) {
      char32_t c = next_code_point(quoted, position);
      if (c < 0x7F) {
        out_.append(static_cast<char>(c));
      } else if (c <= 0xFFFF) {
        out_.append(fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c)));
      } else {
        auto offset = static_cast<std::uint32_t>(c) - 0x10000;
        out_.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (offset >> 10), 0xDC00 + (offset & 0x3FF)));
      }
    }
  }

  void new_line() {
    if (!style_.indent) return;
    out_.append('\n');
    out_.append_repeated(*style_.indent, level_);
  }

  // Calls item(i) for each of count items, with separators and line breaks between the brackets.
  template <typename Item>
  Status bracketed(std::string_view brackets, std::size_t count, Item item) {
    out_.append(brackets[0]);
    ++level_;
    for (std::size_t i = 0; i < count && !out_.full(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line();
      RETURN_IF_ERROR(item(i));
    }
    --level_;
    if (count > 0) new_line();
    out_.append(brackets[1]);
    return {};
  }

  Status array(const std::vector<Value>& items) {
    return bracketed("[]", items.size(), [&](std::size_t i) { return value(items[i]); });
  }

  Status object(const Dict& dict) {
    std::vector<Dict::Entry> entries = dict.entries();
    if (style_.sort_keys) RETURN_IF_ERROR(sort_by_first(entries, false));
    return bracketed("{}", entries.size(), [&](std::size_t i) -> Status {
      RETURN_IF_ERROR(key(entries[i].first));
      out_.append(style_.key_separator);
      return value(entries[i].second);
    });
  }

  Status key(const Value& key) {
    if (const Text* text = key.text()) {
      string(text->bytes);
      return {};
    }
    auto scalar = scalar_text(key);
    if (!scalar) return invalid_input(fmt::format("a JSON key cannot be a {}", key.type_name()));
    string(*scalar);
    return {};
  }

  TextBuilder& out_;
  const JsonStyle& style_;
  std::int64_t level_ = 0;
};

}  // namespace

Status append_json(TextBuilder& out, const Value& value, const JsonStyle& style) {
  return Writer(out, style).value(value);
}

}  // namespace nibble::text::jinja
