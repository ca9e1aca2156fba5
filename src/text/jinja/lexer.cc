#include "text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "text/jinja/numbers.h"
#include "text/jinja/python_text.h"
#include "text/unicode.h"

namespace nibble::text::jinja {
namespace {

constexpr auto kOperators =
    std::to_array<std::string_view>({"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                     "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"});

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// Line ends become \n, and one at the end of the template goes.
std::string normalize_lines(std::string_view source) {
  std::string normalized;
  normalized.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    bool carriage_return = source[i] == '\r';
    normalized += carriage_return ? '\n' : source[i];
    if (carriage_return && i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (normalized.ends_with('\n')) normalized.pop_back();
  return normalized;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<Token>> run() {
    auto status = read_template();
    if (!status) return std::unexpected(std::move(status).error().within(fmt::format("line {}", line_)));
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(position_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  void advance(std::size_t count) {
    line_ += static_cast<int>(std::ranges::count(rest().substr(0, count), '\n'));
    position_ += count;
  }

  void skip_space() { advance(rest().size() - strip(rest(), Ends::kLeft).size()); }

  Status read_template() {
    while (position_ < source_.size()) {
      std::size_t begin = position_;
      while (begin < source_.size() && !tag_begins_at(begin)) ++begin;
      if (begin == source_.size()) {
        add(TokenKind::kText, std::string(rest()));
        position_ = begin;
        break;
      }
      char kind = source_[begin + 1];
      read_text(begin, 2, kind == '{');
      switch (kind) {
        case '{': RETURN_IF_ERROR(read_tag(TokenKind::kVariableBegin)); break;
        case '%': RETURN_IF_ERROR(read_block()); break;
        default: RETURN_IF_ERROR(read_comment());
      }
    }
    return {};
  }

  bool tag_begins_at(std::size_t position) const {
    if (source_[position] != '{' || position + 1 == source_.size()) return false;
    char kind = source_[position + 1];
    return kind == '{' || kind == '%' || kind == '#';
  }

  // The text up to the tag at `begin`, which opens with tag_length characters and perhaps a sign; moves behind them.
  void read_text(std::size_t begin, std::size_t tag_length, bool is_variable) {
    std::string_view text = std::string_view(source_).substr(position_, begin - position_);
    std::size_t behind = begin + tag_length;
    char sign = behind < source_.size() ? source_[behind] : '\0';
    if (sign == '-') {
      text = strip(text, Ends::kRight);
    } else if (sign != '+' && !is_variable) {
      text = without_indentation(text);
    }
    if (!text.empty()) add(TokenKind::kText, std::string(text));
    advance(behind + (sign == '-' || sign == '+' ? 1 : 0) - position_);
    at_line_start_ = false;
  }

  // lstrip_blocks: white space alone between a line's start and a block goes.
  std::string_view without_indentation(std::string_view text) const {
    std::size_t line_begin = text.rfind('\n') + 1;  // 0 where there is none
    bool blank = strip(text.substr(line_begin)).empty();
    return blank && (line_begin > 0 || at_line_start_) ? text.substr(0, line_begin) : text;
  }

  // Moves behind the end of a tag; trim_blocks: one line end behind it goes, unless the sign is '+'.
  void end_tag(char sign, bool trims_line) {
    advance(sign == '\0' ? 2 : 3);
    if (sign == '-') {
      std::size_t before = position_;
      skip_space();
      at_line_start_ = position_ > before && source_[position_ - 1] == '\n';
    } else if (sign == '\0' && trims_line && at("\n")) {
      advance(1);
      at_line_start_ = true;
    }
  }

  Status read_comment() {
    std::size_t end = source_.find("#}", position_);
    if (end == std::string::npos) return invalid_input("a comment without its end, #}");
    char sign = end > position_ && (source_[end - 1] == '-' || source_[end - 1] == '+') ? source_[end - 1] : '\0';
    advance(end - position_ - (sign != '\0' ? 1 : 0));
    end_tag(sign, true);
    return {};
  }

  Status read_block() {
    if (take_word_block("raw")) return read_raw();
    return read_tag(TokenKind::kBlockBegin);
  }

  // Behind "{%": moves behind the whole tag where it is this word alone.
  bool take_word_block(std::string_view word) {
    std::string_view tag = strip(rest(), Ends::kLeft);
    if (!tag.starts_with(word)) return false;
    tag = strip(tag.substr(word.size()), Ends::kLeft);
    bool is_end = word != "raw";  // "{% raw +%}" is no raw tag, and no line is trimmed behind one
    char sign = tag.starts_with("-%}") ? '-' : is_end && tag.starts_with("+%}") ? '+' : '\0';
    if (sign == '\0' && !tag.starts_with("%}")) return false;
    advance(rest().size() - tag.size());
    end_tag(sign, is_end);
    return true;
  }

  Status read_raw() {
    for (std::size_t begin = position_; (begin = source_.find("{%", begin)) != std::string::npos; begin += 2) {
      std::string_view tag = std::string_view(source_).substr(begin + 2);
      if (tag.starts_with('-') || tag.starts_with('+')) tag.remove_prefix(1);
      if (!is_end_of_raw(tag)) continue;
      read_text(begin, 2, false);
      take_word_block("endraw");
      return {};
    }
    return invalid_input("a raw block without its end, {% endraw %}");
  }

  static bool is_end_of_raw(std::string_view tag) {
    tag = strip(tag, Ends::kLeft);
    if (!tag.starts_with("endraw")) return false;
    tag = strip(tag.substr(6), Ends::kLeft);
    return tag.starts_with("%}") || tag.starts_with("-%}") || tag.starts_with("+%}");
  }

  // The tokens of {{ … }} or {% … %}.
  Status read_tag(TokenKind begin) {
    bool is_block = begin == TokenKind::kBlockBegin;
    std::string_view end = is_block ? "%}" : "}}";
    add(begin, "");
    std::string open_brackets;
    while (true) {
      skip_space();
      if (position_ == source_.size()) return invalid_input(fmt::format("a tag without its end, {}", end));
      if (open_brackets.empty()) {
        std::string_view ahead = rest();
        char sign = ahead[0] == '-' || (is_block && ahead[0] == '+') ? ahead[0] : '\0';
        if (ahead.substr(sign == '\0' ? 0 : 1).starts_with(end)) {
          add(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
          end_tag(sign, is_block);
          return {};
        }
      }
      RETURN_IF_ERROR(read_token(open_brackets));
    }
  }

  Status read_token(std::string& open_brackets) {
    char c = source_[position_];
    if (is_decimal(c)) return read_number();
    if (c == '"' || c == '\'') return read_string(c);
    if (std::size_t length = name_length()) {
      add(TokenKind::kName, std::string(rest().substr(0, length)));
      advance(length);
      return {};
    }
    for (std::string_view symbol : kOperators) {
      if (!at(symbol)) continue;
      RETURN_IF_ERROR(balance(symbol[0], open_brackets));
      add(TokenKind::kOperator, std::string(symbol));
      advance(symbol.size());
      return {};
    }
    std::size_t end = position_;
    next_code_point(source_, end);
    return invalid_input(fmt::format("unexpected character '{}'", source_.substr(position_, end - position_)));
  }

  static Status balance(char symbol, std::string& open_brackets) {
    if (symbol == '(' || symbol == '[' || symbol == '{') {
      open_brackets += symbol == '(' ? ')' : symbol == '[' ? ']' : '}';
    } else if (symbol == ')' || symbol == ']' || symbol == '}') {
      if (open_brackets.empty()) return invalid_input(fmt::format("unexpected '{}'", symbol));
      if (open_brackets.back() != symbol) {
        return invalid_input(fmt::format("unexpected '{}', expected '{}'", symbol, open_brackets.back()));
      }
      open_brackets.pop_back();
    }
    return {};
  }

  // Letters, digits and underscores; digits do not come here first.
  std::size_t name_length() const {
    std::size_t end = position_;
    while (end < source_.size()) {
      std::size_t next = end;
      char32_t c = next_code_point(source_, next);
      if (c != '_' && !is_alpha(c) && !is_digit(c)) break;
      end = next;
    }
    return end - position_;
  }

  // Digits with single underscores between them, from `begin`; where they end.
  std::size_t digits_end(std::size_t begin, int base = 10) const {
    auto is_digit_at = [&](std::size_t i) {
      if (i >= source_.size()) return false;
      char c = source_[i];
      if (is_decimal(c)) return c - '0' < base;
      return base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
    };
    std::size_t end = begin;
    while (is_digit_at(end) || (end > begin && source_[end - 1] != '_' && end < source_.size() && source_[end] == '_' &&
                                is_digit_at(end + 1))) {
      ++end;
    }
    return end;
  }

  // Where the fraction or exponent behind whole digits ends; `whole` itself where there is none.
  std::size_t float_end(std::size_t whole) const {
    std::size_t end = whole;
    if (end < source_.size() && source_[end] == '.') {
      std::size_t fraction = digits_end(end + 1);
      if (fraction > end + 1) end = fraction;
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      std::size_t sign = end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-') ? 1 : 0;
      std::size_t exponent = digits_end(end + 1 + sign);
      if (exponent > end + 1 + sign) end = exponent;
    }
    return end;
  }

  std::size_t integer_end(std::size_t whole) const {
    if (source_[position_] != '0') return whole;
    char letter = position_ + 1 < source_.size() ? static_cast<char>(source_[position_ + 1] | 0x20) : '\0';
    int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base != 0) {
      std::size_t begin = position_ + 2;
      std::size_t digits = digits_end(begin + (begin < source_.size() && source_[begin] == '_' ? 1 : 0), base);
      if (digits > begin + (source_[begin] == '_' ? 1 : 0)) return digits;
    }
    return digits_end(position_, 1);  // "00" is zero, "07" is two numbers: an error of the parser
  }

  Status read_number() {
    std::size_t whole = digits_end(position_);
    bool after_dot = position_ > 0 && source_[position_ - 1] == '.';
    std::size_t end = after_dot ? whole : float_end(whole);
    bool is_float = end > whole;
    if (!is_float) end = integer_end(whole);
    std::string text = source_.substr(position_, end - position_);
    std::erase(text, '_');
    Token token{is_float ? TokenKind::kFloat : TokenKind::kInteger, line_, text};
    if (is_float) {
      token.real = parse_float(text).value_or(0);
    } else {
      ASSIGN_OR_RETURN(auto number, parse_integer(text, 0));
      token.integer = number.value_or(0);
    }
    tokens_.push_back(std::move(token));
    advance(end - position_);
    return {};
  }

  Status read_string(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return invalid_input("a string without its closing quote");
    ASSIGN_OR_RETURN(std::string text, unescape(source_.substr(position_ + 1, end - position_ - 1)));
    add(TokenKind::kString, std::move(text));
    advance(end + 1 - position_);
    return {};
  }

  const std::string source_;
  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool at_line_start_ = true;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (auto invalid = find_invalid_utf8(source)) {
    return invalid_input(fmt::format("a template must be UTF-8; byte {} is not", *invalid));
  }
  return Lexer(normalize_lines(source)).run();
}

}  // namespace nibble::text::jinja
