// printf-style formatting of strings (operators.h),
// https://docs.python.org/3/library/stdtypes.html#old-string-formatting
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "text/jinja/comparison.h"
#include "text/jinja/lookup.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"
#include "text/unicode.h"

namespace nibble::text::jinja {
namespace {

// Fields wider than this are nobody's prompt.
constexpr std::int64_t kWidest = 1000;

struct Field {
  std::optional<std::string> key;
  bool left = false;
  bool zero = false;
  bool alternate = false;
  char sign = '\0';  // '+', ' ' or none
  std::int64_t width = 0;
  std::optional<std::int64_t> precision;
  char conversion = '\0';
};

class Formatter {
 public:
  Formatter(Sandbox& sandbox, std::string_view format, const Value& arguments)
      : sandbox_(sandbox), out_(sandbox), format_(format), arguments_(arguments) {}

  Result<Value> run(bool safe) {
    while (position_ < format_.size()) {
      std::size_t percent = std::min(format_.find('%', position_), format_.size());
      out_.append(format_.substr(position_, percent - position_));
      position_ = percent;
      if (position_ == format_.size()) break;
      ++position_;
      ASSIGN_OR_RETURN(Field field, read_field());
      if (field.conversion == '%') {
        out_.append('%');
        continue;
      }
      ASSIGN_OR_RETURN(Value argument, field.key ? named_argument(*field.key) : next_argument());
      RETURN_IF_ERROR(append(field, argument));
    }
    // Whatever has subscripts counts as a mapping here, and may hold more than the format asks for; tuples may not.
    const Sequence* sequence = arguments_.sequence();
    bool is_mapping =
        arguments_.is_dict() || arguments_.is_undefined() || (sequence != nullptr && sequence->has_index());
    bool all_used = arguments_.is_tuple() ? used_ == sequence->items.size() : used_ > 0 || is_mapping;
    if (!all_used) return invalid_input("not all arguments converted during string formatting");
    return std::move(out_).finish(safe);
  }

 private:
  bool at_end() const { return position_ == format_.size(); }
  static std::unexpected<Error> incomplete() { return invalid_input("incomplete format"); }

  Result<Field> read_field() {
    Field field;
    if (!at_end() && format_[position_] == '(') {
      std::size_t end = format_.find(')', position_);
      if (end == std::string_view::npos) return invalid_input("incomplete format key");
      field.key = std::string(format_.substr(position_ + 1, end - position_ - 1));
      position_ = end + 1;
    }
    for (; !at_end() && std::string_view("-+ #0").find(format_[position_]) != std::string_view::npos; ++position_) {
      switch (format_[position_]) {
        case '-': field.left = true; break;
        case '0': field.zero = true; break;
        case '#': field.alternate = true; break;
        case '+': field.sign = '+'; break;
        default: field.sign = field.sign == '+' ? '+' : ' ';
      }
    }
    ASSIGN_OR_RETURN(auto width, read_number());
    field.width = width.value_or(0);
    if (field.width < 0) field.left = true;
    if (!at_end() && format_[position_] == '.') {
      ++position_;
      ASSIGN_OR_RETURN(auto precision, read_number());
      field.precision = std::max<std::int64_t>(precision.value_or(0), 0);
    }
    field.width = std::abs(field.width);
    while (!at_end() && std::string_view("hlL").find(format_[position_]) != std::string_view::npos) ++position_;
    if (at_end()) return incomplete();
    field.conversion = format_[position_++];
    return field;
  }

  // Digits, or * for the next argument.
  Result<std::optional<std::int64_t>> read_number() {
    std::optional<std::int64_t> number;
    if (!at_end() && format_[position_] == '*') {
      ++position_;
      ASSIGN_OR_RETURN(Value argument, next_argument());
      number = argument.integer();
      if (!number) return invalid_input("* wants an integer");
    }
    for (; !at_end() && format_[position_] >= '0' && format_[position_] <= '9'; ++position_) {
      number = number.value_or(0) * 10 + (format_[position_] - '0');
      if (*number > kWidest) break;
    }
    if (number && (*number > kWidest || *number < -kWidest)) {
      return invalid_input(fmt::format("a format field wider than {}", kWidest));
    }
    return number;
  }

  Result<Value> next_argument() {
    if (const Sequence* tuple = arguments_.sequence(); tuple != nullptr && arguments_.is_tuple()) {
      if (used_ < tuple->items.size()) return tuple->items[used_++];
    } else if (used_++ == 0) {
      return arguments_;
    }
    return invalid_input("not enough arguments for format string");
  }

  Result<Value> named_argument(const std::string& key) {
    const Dict* dict = arguments_.dict();
    if (dict == nullptr) return invalid_input("format requires a mapping");
    const Value* found = dict->find(key);
    if (found == nullptr) return invalid_input(fmt::format("the format's key '{}' is not in the mapping", key));
    return *found;
  }

  Status append(const Field& field, const Value& argument) {
    switch (field.conversion) {
      case 's':
      case 'r': {
        ASSIGN_OR_RETURN(std::string text,
                         field.conversion == 's' ? text_of(sandbox_, argument) : repr_of(sandbox_, argument));
        if (field.precision) text.resize(byte_offset(text, static_cast<std::size_t>(*field.precision)));
        pad(field, "", text, false);
        return {};
      }
      case 'c': return append_character(field, argument);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o': return append_integer(field, argument);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return append_float(field, argument);
      default: return invalid_input(fmt::format("unsupported format character '{}'", field.conversion));
    }
  }

  Status append_character(const Field& field, const Value& argument) {
    std::string text(argument.string_or_empty());
    if (auto code = argument.integer()) {
      if (*code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
        return invalid_input("%c wants the number of a character");
      }
      append_utf8(static_cast<char32_t>(*code), text);
    } else if (code_point_count(text) != 1) {
      return invalid_input("%c requires an integer or one character");
    }
    pad(field, "", text, false);
    return {};
  }

  Status append_integer(const Field& field, const Value& argument) {
    bool decimal = field.conversion == 'd' || field.conversion == 'i' || field.conversion == 'u';
    auto number = argument.integer();
    if (const double* real = argument.real(); real != nullptr && decimal) {
      if (!(std::abs(*real) < 9.2e18)) return invalid_input("a float too large for %d");
      number = static_cast<std::int64_t>(*real);
    }
    if (const Undefined* undefined = argument.undefined()) return undefined_error(*undefined);
    if (!number && !argument.huge_integer()) {
      return invalid_input(
          fmt::format("%{} format: an integer is required, not {}", field.conversion, argument.type_name()));
    }
    bool negative = number && *number < 0;
    std::uint64_t magnitude = !number    ? *argument.huge_integer()
                              : negative ? 0 - static_cast<std::uint64_t>(*number)
                                         : static_cast<std::uint64_t>(*number);
    std::string digits = field.conversion == 'x'   ? fmt::format("{:x}", magnitude)
                         : field.conversion == 'X' ? fmt::format("{:X}", magnitude)
                         : field.conversion == 'o' ? fmt::format("{:o}", magnitude)
                                                   : fmt::format("{}", magnitude);
    auto wanted = static_cast<std::size_t>(field.precision.value_or(0));
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
    std::string prefix = sign_of(field, negative);
    if (field.alternate && !decimal) prefix += field.conversion == 'o' ? "0o" : field.conversion == 'x' ? "0x" : "0X";
    pad(field, prefix, digits, field.zero);
    return {};
  }

  Status append_float(const Field& field, const Value& argument) {
    if (const Undefined* undefined = argument.undefined()) return undefined_error(*undefined);
    auto number = argument.number();
    if (!number) {
      return invalid_input(fmt::format("must be real number, not {}", argument.type_name()));
    }
    double magnitude = std::abs(*number);
    auto precision = static_cast<int>(field.precision.value_or(6));
    std::string digits;
    if (field.alternate) {
      digits = fmt::format(fmt::runtime(fmt::format("{{:#.{}{}}}", precision, field.conversion)), magnitude);
    } else {
      digits = fmt::format(fmt::runtime(fmt::format("{{:.{}{}}}", precision, field.conversion)), magnitude);
    }
    bool negative = std::signbit(*number) && !std::isnan(*number);
    pad(field, sign_of(field, negative), digits, field.zero && std::isfinite(*number));
    return {};
  }

  static std::string sign_of(const Field& field, bool negative) {
    if (negative) return "-";
    return field.sign == '\0' ? std::string() : std::string(1, field.sign);
  }

  void pad(const Field& field, std::string_view prefix, std::string_view text, bool zeros) {
    std::int64_t missing = field.width - static_cast<std::int64_t>(code_point_count(prefix) + code_point_count(text));
    if (!field.left && !zeros) out_.append_repeated(" ", missing);
    out_.append(prefix);
    if (!field.left && zeros) out_.append_repeated("0", missing);
    out_.append(text);
    if (field.left) out_.append_repeated(" ", missing);
  }

  Sandbox& sandbox_;
  TextBuilder out_;
  std::string_view format_;
  const Value& arguments_;
  std::size_t position_ = 0;
  std::size_t used_ = 0;
};

}  // namespace

Result<Value> percent_format(Sandbox& sandbox, const Text& format, const Value& arguments) {
  return Formatter(sandbox, format.bytes, arguments).run(format.safe);
}

}  // namespace nibble::text::jinja
