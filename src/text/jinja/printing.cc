#include "text/jinja/printing.h"

#include <fmt/format.h>

#include "base/json_writer.h"
#include "text/jinja/loop.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

// Containers are nested no deeper than the sandbox lets them, but a namespace may hold itself.
constexpr int kDeepestPrint = 250;

Status append_repr_at(TextBuilder& out, const Value& value, int depth);

void append_string_repr(TextBuilder& out, std::string_view text) {
  bool has_single = text.find('\'') != std::string_view::npos;
  bool has_double = text.find('"') != std::string_view::npos;
  char quote = has_single && !has_double ? '"' : '\'';
  out.append(quote);
  for (std::size_t position = 0; position < text.size();) {
    std::size_t begin = position;
    char32_t c = next_code_point(text, position);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out.append('\\');
      out.append(static_cast<char>(c));
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else if (is_printable(c)) {
      out.append(text.substr(begin, position - begin));
    } else if (c <= 0xFF) {
      out.append(fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c)));
    } else if (c <= 0xFFFF) {
      out.append(fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c)));
    } else {
      out.append(fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c)));
    }
  }
  out.append(quote);
}

Status append_items(TextBuilder& out, const std::vector<Value>& items, int depth) {
  for (std::size_t i = 0; i < items.size() && !out.full(); ++i) {
    if (i > 0) out.append(", ");
    RETURN_IF_ERROR(append_repr_at(out, items[i], depth));
  }
  return {};
}

Status append_sequence(TextBuilder& out, const Sequence& sequence, int depth) {
  switch (sequence.kind) {
    case SequenceKind::kList:
      out.append('[');
      RETURN_IF_ERROR(append_items(out, sequence.items, depth));
      out.append(']');
      return {};
    case SequenceKind::kTuple:
      out.append('(');
      RETURN_IF_ERROR(append_items(out, sequence.items, depth));
      out.append(sequence.items.size() == 1 ? ",)" : ")");
      return {};
    case SequenceKind::kRange: {
      const auto& [start, stop, step] = sequence.bounds;
      out.append(step == 1 ? fmt::format("range({}, {})", start, stop)
                           : fmt::format("range({}, {}, {})", start, stop, step));
      return {};
    }
    case SequenceKind::kGenerator:
      return invalid_input("a generator has no text of its own; put |list behind the filter that makes it");
    case SequenceKind::kDictKeys:
    case SequenceKind::kDictValues:
    case SequenceKind::kDictItems: break;
  }
  out.append(sequence.kind == SequenceKind::kDictKeys     ? "dict_keys(["
             : sequence.kind == SequenceKind::kDictValues ? "dict_values(["
                                                          : "dict_items([");
  RETURN_IF_ERROR(append_items(out, sequence.items, depth));
  out.append("])");
  return {};
}

Status append_namespace(TextBuilder& out, const Namespace& space, int depth) {
  out.append("<Namespace {");
  for (std::size_t i = 0; i < space.attributes.size() && !out.full(); ++i) {
    if (i > 0) out.append(", ");
    append_string_repr(out, space.attributes[i].first);
    out.append(": ");
    RETURN_IF_ERROR(append_repr_at(out, space.attributes[i].second, depth));
  }
  out.append("}>");
  return {};
}

Status append_dict(TextBuilder& out, const Dict& dict, int depth) {
  out.append('{');
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (out.full()) break;
    if (!first) out.append(", ");
    first = false;
    RETURN_IF_ERROR(append_repr_at(out, key, depth));
    out.append(": ");
    RETURN_IF_ERROR(append_repr_at(out, value, depth));
  }
  out.append('}');
  return {};
}

Status append_loop(TextBuilder& out, Loop& loop) {
  ASSIGN_OR_RETURN(std::int64_t length, loop.length());
  out.append(fmt::format("<LoopContext {}/{}>", loop.index0() + 1, length));
  return {};
}

Status append_repr_at(TextBuilder& out, const Value& value, int depth) {
  if (depth > kDeepestPrint) return invalid_input("a value nested too deeply to print");
  if (const Text* text = value.text()) {
    if (text->safe) out.append("Markup(");
    append_string_repr(out, text->bytes);
    if (text->safe) out.append(')');
  } else if (value.is_undefined()) {
    out.append("Undefined");
  } else if (const Sequence* sequence = value.sequence()) {
    return append_sequence(out, *sequence, depth + 1);
  } else if (const Dict* dict = value.dict()) {
    return append_dict(out, *dict, depth + 1);
  } else if (Namespace* space = value.space()) {
    return append_namespace(out, *space, depth + 1);
  } else if (auto loop = value.shared_loop()) {
    return append_loop(out, *loop);
  } else if (const Callable* callable = value.callable()) {
    return invalid_input(fmt::format("'{}' is a function: call it instead of printing it", callable->name));
  } else if (value.is_none()) {
    out.append("None");
  } else if (const bool* truth = value.boolean()) {
    out.append(*truth ? "True" : "False");
  } else if (auto integer = value.integer()) {
    out.append(std::to_string(*integer));
  } else if (auto huge = value.huge_integer()) {
    out.append(std::to_string(*huge));
  } else if (const double* real = value.real()) {
    out.append(python_float(*real));
  }
  return {};
}

}  // namespace

Status append_repr(TextBuilder& out, const Value& value) { return append_repr_at(out, value, 0); }

Status append_text(TextBuilder& out, const Value& value) {
  if (const Text* text = value.text()) {
    out.append(text->bytes);
    return {};
  }
  if (value.is_undefined()) return {};
  return append_repr(out, value);
}

Result<std::string> text_of(Sandbox& sandbox, const Value& value) {
  TextBuilder out(sandbox);
  RETURN_IF_ERROR(append_text(out, value));
  return std::move(out).take();
}

Result<std::string> repr_of(Sandbox& sandbox, const Value& value) {
  TextBuilder out(sandbox);
  RETURN_IF_ERROR(append_repr(out, value));
  return std::move(out).take();
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '\'': escaped += "&#39;"; break;
      case '"': escaped += "&#34;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

}  // namespace nibble::text::jinja
