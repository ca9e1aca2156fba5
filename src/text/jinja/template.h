// A Jinja template: parsed once, rendered as often as wanted, on any threads.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja/ast.h"
#include "text/jinja/sandbox.h"

namespace nibble::text::jinja {

class Template {
 public:
  static Result<Template> parse(std::string_view source);

  // The members of the object are the template's variables. Errors stand within "line N"; the message that a template
  // gives to raise_exception() is that of the error, as it is.
  Result<std::string> render(JsonView variables, const Limits& limits = {}) const;

 private:
  explicit Template(Body body) : body_(std::move(body)) {}
  Body body_;
};

}  // namespace nibble::text::jinja
