#include "text/jinja/functions.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>

#include "text/jinja/arguments.h"
#include "text/jinja/lookup.h"
#include "text/jinja/printing.h"

namespace nibble::text::jinja {
namespace {

Result<Value> range(Sandbox& sandbox, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("range", {"start", "stop", "step"}, arguments, 1));
  RangeBounds bounds;
  ASSIGN_OR_RETURN(bounds.start, parameters.integer(0, 0));
  ASSIGN_OR_RETURN(bounds.stop, parameters.integer(1, 0));
  ASSIGN_OR_RETURN(bounds.step, parameters.integer(2, 1));
  if (parameters.find(1) == nullptr) bounds = {0, bounds.start, 1};
  if (bounds.step == 0) return invalid_input("range() arg 3 must not be zero");
  return sandbox.range(bounds);
}

// dict(mapping or pairs, name=value, …), which namespace() takes as well.
Result<Dict> entries_of(Sandbox& sandbox, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) return invalid_input("dict and namespace take at most one positional argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (const Dict* other = source.dict()) {
      dict = *other;
    } else {
      ASSIGN_OR_RETURN(auto pairs, iterate(sandbox, source));
      for (const Value& item : pairs->items) {
        ASSIGN_OR_RETURN(auto pair, iterate(sandbox, item));
        if (pair->items.size() != 2) return invalid_input("dict and namespace expect pairs of a key and a value");
        RETURN_IF_ERROR(check_hashable(pair->items[0]));
        dict.set(pair->items[0], pair->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(Value::string(name), value);
  return dict;
}

Result<Value> make_dict(Sandbox& sandbox, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Dict dict, entries_of(sandbox, arguments));
  return sandbox.dict(std::move(dict));
}

Result<Value> make_namespace(Sandbox& sandbox, const Arguments& arguments) {
  ASSIGN_OR_RETURN(Dict dict, entries_of(sandbox, arguments));
  ASSIGN_OR_RETURN(auto space, sandbox.new_namespace());
  for (const auto& [name, value] : dict.entries()) {
    if (!name.is_string()) return invalid_input("the attributes of a namespace have names");
    RETURN_IF_ERROR(sandbox.set_attribute(*space, name.string_or_empty(), value));
  }
  return Value(std::move(space));
}

Result<Value> raise_exception(Sandbox& sandbox, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("raise_exception", {"message"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string message, text_of(sandbox, parameters.at(0)));
  return invalid_input(std::move(message));
}

// Python's datetime knows %f, which C does not, and has no zone here.
std::string python_directives(std::string_view format, std::int64_t microsecond) {
  std::string plain;
  for (std::size_t i = 0; i < format.size(); ++i) {
    char directive = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    if (directive == 'f') plain += fmt::format("{:06}", microsecond);
    if (directive != 'f' && directive != 'z' && directive != 'Z') {
      plain += format[i];
      if (directive == '\0') continue;
      plain += directive;
    }
    ++i;
  }
  return plain;
}

Result<Value> strftime_now(Sandbox& sandbox, const Arguments& arguments) {
  ASSIGN_OR_RETURN(auto parameters, Parameters::bind("strftime_now", {"format"}, arguments, 1));
  ASSIGN_OR_RETURN(std::string_view format, parameters.required_string(0));
  auto now = std::chrono::system_clock::now();
  std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  std::tm local = {};
  ::localtime_r(&seconds, &local);
  // The mark keeps an empty result apart from one that does not fit.
  std::string plain = python_directives(format, since_epoch % 1'000'000) + "!";
  std::array<char, 4096> buffer;
  std::size_t length = std::strftime(buffer.data(), buffer.size(), plain.c_str(), &local);
  if (length == 0) return invalid_input("strftime_now: the text is too long");
  return sandbox.string(std::string_view(buffer.data(), length - 1));
}

struct Function {
  std::string_view name;
  Result<Value> (*call)(Sandbox& sandbox, const Arguments& arguments);
};

constexpr auto kFunctions = std::to_array<Function>({
    {"dict", make_dict},
    {"namespace", make_namespace},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
});

}  // namespace

Result<std::optional<Value>> global_function(Sandbox& sandbox, std::string_view name) {
  for (const Function& function : kFunctions) {
    if (function.name != name) continue;
    auto call = [&sandbox, run = function.call](const Arguments& arguments) { return run(sandbox, arguments); };
    ASSIGN_OR_RETURN(Value callable, sandbox.callable(std::string(name), std::move(call)));
    return callable;
  }
  return std::nullopt;
}

}  // namespace nibble::text::jinja
