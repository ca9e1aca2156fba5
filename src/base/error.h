// Failure that is not our bug: bad input, or an environment that does not give what was asked for.
//
// Every fallible function of nibble returns Result<T>. An Error names what was expected, what was found and what to do;
// callers add the place ("in shard 3 of 12") with within(). Our own bugs end in NIBBLE_CHECK (check.h), never here.
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace nibble {

enum class ErrorCode {
  kInvalidInput,  // a file, an argument or a request is wrong
  kNotFound,      // what was named does not exist
  kUnsupported,   // well formed, but nothing nibble can do faithfully
  kEnvironment,   // disk full, out of memory, permission, a missing device
  kInterrupted,   // the user asked to stop
};

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  // Adds an outer place, for instance "model.safetensors" or "tensor 'lm_head.weight'". Outermost is added last.
  Error&& within(std::string place) && {
    places_.push_back(std::move(place));
    return std::move(*this);
  }

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // "outermost: …: innermost: message"
  std::string describe() const {
    std::string text;
    for (auto place = places_.rbegin(); place != places_.rend(); ++place) text += *place + ": ";
    return text + message_;
  }

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> places_;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}

inline std::unexpected<Error> invalid_input(std::string message) {
  return fail(ErrorCode::kInvalidInput, std::move(message));
}

}  // namespace nibble

#define NIBBLE_CONCAT_(a, b) a##b
#define NIBBLE_CONCAT(a, b) NIBBLE_CONCAT_(a, b)

// Returns the error of a failed Status or Result from the enclosing function.
#define RETURN_IF_ERROR(expression)                             \
  do {                                                          \
    if (auto nibble_status = (expression); !nibble_status) {    \
      return std::unexpected(std::move(nibble_status).error()); \
    }                                                           \
  } while (false)

// As RETURN_IF_ERROR, and says where: RETURN_IF_ERROR_IN("config.json", parse(...)).
#define RETURN_IF_ERROR_IN(place, expression)                                 \
  do {                                                                        \
    if (auto nibble_status = (expression); !nibble_status) {                  \
      return std::unexpected(std::move(nibble_status).error().within(place)); \
    }                                                                         \
  } while (false)

// ASSIGN_OR_RETURN(auto config, read_config(path));
#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_IMPL_(NIBBLE_CONCAT(nibble_result_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_IMPL_(result, target, expression)        \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  target = *std::move(result)

#define ASSIGN_OR_RETURN_IN(place, target, expression) \
  ASSIGN_OR_RETURN_IN_IMPL_(NIBBLE_CONCAT(nibble_result_, __LINE__), place, target, expression)
#define ASSIGN_OR_RETURN_IN_IMPL_(result, place, target, expression)            \
  auto result = (expression);                                                   \
  if (!result) return std::unexpected(std::move(result).error().within(place)); \
  target = *std::move(result)
