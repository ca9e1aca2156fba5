#include "text/tokenizer_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"
#include "text/tokenizer_pattern.h"

namespace nibble::text {
namespace {

template <auto release>
struct Release {
  void operator()(auto* pointer) const { release(pointer); }
};
using CodePointer = std::unique_ptr<pcre2_code, Release<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Release<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release<pcre2_match_context_free>>;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> message{};
  pcre2_get_error_message(code, message.data(), message.size());
  return reinterpret_cast<const char*>(message.data());
}

// Steps that one match may take. A sensible pattern needs a few a byte; one that backtracks without end needs 2^bytes.
std::uint32_t match_limit(std::size_t text_bytes) {
  constexpr std::size_t kAtLeast = 100'000;
  constexpr std::size_t kPerByte = 16;
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(kAtLeast + kPerByte * text_bytes, std::numeric_limits<std::uint32_t>::max()));
}

PCRE2_SPTR as_pcre2(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

struct Splitter::Code {
  CodePointer pcre2;
};

Splitter::Splitter(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::compile(std::string_view pattern) {
  ASSIGN_OR_RETURN(std::string translated, translate_pattern(pattern));
  int error = 0;
  std::size_t offset = 0;
  CodePointer code(
      pcre2_compile(as_pcre2(translated), translated.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  if (!code) {
    return invalid_input(fmt::format("split pattern: {} at byte {} of {}", pcre2_message(error), offset, translated));
  }
  std::uint32_t matches_empty = 0;
  pcre2_pattern_info(code.get(), PCRE2_INFO_MATCHEMPTY, &matches_empty);
  if (matches_empty != 0) return fail(ErrorCode::kUnsupported, "split pattern: one that can match nothing");
  // Where the system grants no executable memory there is no JIT, and matching goes on without, several times slower.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return Splitter(std::make_unique<Code>(Code{std::move(code)}));
}

Status Splitter::split(std::string_view text, const std::function<void(std::string_view word)>& visit) const {
  MatchData match(pcre2_match_data_create(1, nullptr));
  MatchContext context(pcre2_match_context_create(nullptr));
  NIBBLE_CHECK(match && context);
  pcre2_set_match_limit(context.get(), match_limit(text.size()));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
  std::size_t done = 0;
  while (done < text.size()) {
    int outcome = pcre2_match(code_->pcre2.get(), as_pcre2(text), text.size(), done, PCRE2_NO_UTF_CHECK, match.get(),
                              context.get());
    if (outcome == PCRE2_ERROR_NOMATCH) break;
    if (outcome < 0) {
      return invalid_input(fmt::format("the tokenizer's split pattern fails on the text from byte {}: {}", done,
                                       pcre2_message(outcome)));
    }
    if (bounds[0] > done) visit(text.substr(done, bounds[0] - done));
    visit(text.substr(bounds[0], bounds[1] - bounds[0]));
    done = bounds[1];
  }
  if (done < text.size()) visit(text.substr(done));
  return {};
}

}  // namespace nibble::text
