#include "text/tokenizer_pattern.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>

#include "text/unicode.h"

namespace nibble::text {
namespace {

constexpr int kMaxDepth = 32;          // groups within groups
constexpr int kMaxRepetitions = 1000;  // in {n,m}: PCRE2 unrolls them

// What stands between the brackets of a class. After each property: the code points that Unicode 15.0, 15.1 and 16.0
// gave it.
constexpr std::string_view kLetters =
    R"(\p{L})"
    R"(\x{1C89}-\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3}\x{10D4A}-\x{10D65})"
    R"(\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{1123F}-\x{11240}\x{11380}-\x{11389}\x{1138B}\x{1138E})"
    R"(\x{11390}-\x{113B5}\x{113B7}\x{113D1}\x{113D3}\x{11BC0}-\x{11BE0}\x{11F02}\x{11F04}-\x{11F10})"
    R"(\x{11F12}-\x{11F33}\x{1342F}\x{13441}-\x{13446}\x{13460}-\x{143FA}\x{16100}-\x{1611D}\x{16D40}-\x{16D6C})"
    R"(\x{18CFF}\x{1B132}\x{1B155}\x{1DF25}-\x{1DF2A}\x{1E030}-\x{1E06D}\x{1E4D0}-\x{1E4EB}\x{1E5D0}-\x{1E5ED})"
    R"(\x{1E5F0}\x{2B739}\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF})";
constexpr std::string_view kMarks =
    R"(\p{M})"
    R"(\x{897}\x{CF3}\x{ECE}\x{10D69}-\x{10D6D}\x{10EFC}-\x{10EFF}\x{11241}\x{113B8}-\x{113C0}\x{113C2}\x{113C5})"
    R"(\x{113C7}-\x{113CA}\x{113CC}-\x{113D0}\x{113D2}\x{113E1}-\x{113E2}\x{11F00}-\x{11F01}\x{11F03})"
    R"(\x{11F34}-\x{11F3A}\x{11F3E}-\x{11F42}\x{11F5A}\x{13440}\x{13447}-\x{13455}\x{1611E}-\x{1612F}\x{1E08F})"
    R"(\x{1E4EC}-\x{1E4EF}\x{1E5EE}-\x{1E5EF})";
constexpr std::string_view kNumbers =
    R"(\p{N})"
    R"(\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{11F50}-\x{11F59}\x{16130}-\x{16139})"
    R"(\x{16D70}-\x{16D79}\x{1CCF0}-\x{1CCF9}\x{1D2C0}-\x{1D2D3}\x{1E4F0}-\x{1E4F9}\x{1E5F1}-\x{1E5FA})";
// Unicode's White_Space, which is Oniguruma's \s. PCRE2's own has U+180E as well.
constexpr std::string_view kSpace = R"(\t-\r\x{85}\p{Z})";

std::optional<std::string_view> property_members(std::string_view name) {
  if (name == "L") return kLetters;
  if (name == "M") return kMarks;
  if (name == "N") return kNumbers;
  return std::nullopt;
}

bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_punctuation(char32_t c) { return c > ' ' && c < 0x7F && !is_letter(c) && !(c >= '0' && c <= '9'); }

// Two letters that some single character folds to (ß, ﬁ, ﬅ, …): Oniguruma then matches it, PCRE2 does not.
bool may_be_one_character(char32_t first, char32_t second) {
  constexpr auto kPairs = std::to_array<std::string_view>({"ss", "st", "ff", "fi", "fl"});
  for (std::string_view pair : kPairs) {
    if ((first | 0x20) == static_cast<char32_t>(pair[0]) && (second | 0x20) == static_cast<char32_t>(pair[1])) {
      return true;
    }
  }
  return false;
}

class PatternTranslator {
 public:
  explicit PatternTranslator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> translate() {
    RETURN_IF_ERROR(alternatives(0));
    if (at_ < pattern_.size()) return refuse("a ')' without its '('");
    return std::move(out_);
  }

 private:
  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::kUnsupported, fmt::format("split pattern, byte {}: {} is not supported", at_, what));
  }

  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  bool sees(std::string_view characters) const {
    return at_ < pattern_.size() && characters.find(pattern_[at_]) != std::string_view::npos;
  }
  char32_t take_code_point() {
    Utf8Sequence sequence = read_utf8(pattern_.substr(at_));
    at_ += sequence.length;
    return sequence.code_point;
  }

  void put_literal(char32_t code_point) { out_ += fmt::format("\\x{{{:X}}}", static_cast<unsigned>(code_point)); }
  void put_class(std::string_view members, bool negated) {
    out_ += negated ? "[^" : "[";
    out_ += members;
    out_ += ']';
  }

  Status alternatives(int depth) {
    while (at_ < pattern_.size() && !sees(")")) {
      if (take("|")) {
        out_ += '|';
        folded_before_ = 0;
      } else {
        RETURN_IF_ERROR(atom(depth));
      }
    }
    return {};
  }

  Status atom(int depth) {
    if (sees("(")) return group(depth);
    if (ignore_case_) return folded_literal();
    if (sees("[")) {
      RETURN_IF_ERROR(character_class());
    } else if (sees("\\")) {
      RETURN_IF_ERROR(escape());
    } else if (sees("^$.*+?{}]")) {
      return refuse(fmt::format("'{}' here", pattern_[at_]));
    } else {
      put_literal(take_code_point());
    }
    return quantifier();
  }

  Status group(int depth) {
    if (depth == kMaxDepth) return refuse("deeper nesting");
    if (ignore_case_) return refuse("a group within (?i:)");
    bool looks_ahead = false;
    if (take("(?i:")) {
      out_ += "(?i:";
      ignore_case_ = true;
      folded_before_ = 0;
    } else if (take("(?=")) {
      out_ += "(?=";
      looks_ahead = true;
    } else if (take("(?!")) {
      out_ += "(?!";
      looks_ahead = true;
    } else if (take("(?:") || (!pattern_.substr(at_).starts_with("(?") && take("("))) {
      out_ += "(?:";
    } else {
      return refuse("this kind of group");
    }
    RETURN_IF_ERROR(alternatives(depth + 1));
    if (!take(")")) return refuse("a '(' without its ')'");
    out_ += ')';
    ignore_case_ = false;
    if (looks_ahead && sees("*+?{")) return refuse("a repeated look-ahead");
    return quantifier();
  }

  // Within (?i:): letters and punctuation of ASCII, one by one.
  Status folded_literal() {
    if (sees("^$.*+?{}[]\\")) return refuse("within (?i:) anything but literal text");
    char32_t code_point = static_cast<unsigned char>(pattern_[at_]);
    if (!is_letter(code_point) && !is_punctuation(code_point)) return refuse("within (?i:) anything but ASCII letters");
    if (may_be_one_character(folded_before_, code_point)) return refuse("within (?i:) a pair of letters with ligature");
    folded_before_ = code_point;
    put_literal(code_point);
    ++at_;
    return {};
  }

  Status escape() {
    if (take("\\s")) {
      put_class(kSpace, false);
    } else if (take("\\S")) {
      put_class(kSpace, true);
    } else if (take("\\P{")) {
      ASSIGN_OR_RETURN(std::string_view members, property());
      put_class(members, true);
    } else if (take("\\p{")) {
      ASSIGN_OR_RETURN(std::string_view members, property());
      put_class(members, false);
    } else {
      ASSIGN_OR_RETURN(char32_t code_point, escaped_literal());
      put_literal(code_point);
    }
    return {};
  }

  Result<std::string_view> property() {
    std::size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos) return refuse("a '{' without its '}'");
    auto members = property_members(pattern_.substr(at_, end - at_));
    if (!members) return refuse("a property other than L, M and N");
    at_ = end + 1;
    return *members;
  }

  Result<char32_t> escaped_literal() {
    if (take("\\r")) return U'\r';
    if (take("\\n")) return U'\n';
    if (take("\\t")) return U'\t';
    std::string_view rest = pattern_.substr(at_);
    if (rest.size() < 2 || !is_punctuation(static_cast<unsigned char>(rest[1]))) return refuse("this escape");
    at_ += 2;
    return static_cast<unsigned char>(rest[1]);
  }

  Status character_class() {
    at_ += 1;
    bool negated = take("^");
    std::size_t begin = at_;
    std::string members;
    while (!sees("]")) {
      if (at_ == pattern_.size()) return refuse("a '[' without its ']'");
      RETURN_IF_ERROR(class_member(at_ == begin, members));
    }
    if (members.empty()) return refuse("an empty class");
    at_ += 1;
    put_class(members, negated);
    return {};
  }

  Status class_member(bool is_first, std::string& members) {
    if (take("\\s")) {
      members += kSpace;
    } else if (take("\\p{")) {
      ASSIGN_OR_RETURN(std::string_view more, property());
      members += more;
    } else {
      bool at_edge = is_first || pattern_.substr(at_).starts_with("-]");
      if (sees("-") && !at_edge) return refuse("'-' in the middle of a class");
      ASSIGN_OR_RETURN(char32_t first, class_literal());
      char32_t last = first;
      if (pattern_.substr(at_).starts_with("-") && !pattern_.substr(at_).starts_with("-]")) {
        at_ += 1;
        ASSIGN_OR_RETURN(last, class_literal());
        if (last < first) return refuse("a range that runs backwards");
      }
      members += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<unsigned>(first), static_cast<unsigned>(last));
    }
    return {};
  }

  Result<char32_t> class_literal() {
    if (sees("\\")) return escaped_literal();
    if (at_ == pattern_.size() || sees("[]")) return refuse("a bracket within a class");
    if (pattern_.substr(at_).starts_with("&&")) return refuse("an intersection of classes");
    return take_code_point();
  }

  // Both dialects agree on ?, *, + with a lazy ? or a possessive + behind, and on plain {n}, {n,} and {n,m}.
  Status quantifier() {
    if (sees("?*+")) {
      out_ += pattern_[at_++];
      if (sees("?+")) out_ += pattern_[at_++];
    } else if (take("{")) {
      ASSIGN_OR_RETURN(int minimum, repetitions());
      int maximum = minimum;
      bool has_maximum = true;
      if (take(",")) {
        has_maximum = !sees("}");
        if (has_maximum) {
          ASSIGN_OR_RETURN(maximum, repetitions());
        }
      }
      if (!take("}") || maximum < minimum) return refuse("this form of {n,m}");
      out_ += has_maximum ? fmt::format("{{{},{}}}", minimum, maximum) : fmt::format("{{{},}}", minimum);
    } else {
      return {};
    }
    if (sees("?*+{")) return refuse("a quantifier behind another");
    return {};
  }

  Result<int> repetitions() {
    int count = 0;
    if (!sees("0123456789")) return refuse("this form of {n,m}");
    while (sees("0123456789")) {
      count = 10 * count + (pattern_[at_++] - '0');
      if (count > kMaxRepetitions) return refuse(fmt::format("a repetition of more than {} times", kMaxRepetitions));
    }
    return count;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string out_;
  bool ignore_case_ = false;
  char32_t folded_before_ = 0;  // the literal before this one within (?i:)
};

}  // namespace

Result<std::string> translate_pattern(std::string_view oniguruma) {
  if (find_invalid_utf8(oniguruma)) return invalid_input("the split pattern is not valid UTF-8");
  return PatternTranslator(oniguruma).translate();
}

}  // namespace nibble::text
