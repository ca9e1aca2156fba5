#include "text/jinja/template.h"

#include <fmt/format.h>

#include "text/jinja/evaluator.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace nibble::text::jinja {
namespace {

Result<Value> value_from_json(JsonView view, int levels_left) {
  if (levels_left == 0) return invalid_input("the variables are nested too deeply");
  switch (view.kind()) {
    case JsonKind::kNull: return Value();
    case JsonKind::kBool: return Value(*view.as_bool());
    case JsonKind::kInteger: return Value(*view.as_integer());
    case JsonKind::kUnsigned: return Value(*view.as_unsigned());
    case JsonKind::kDouble: return Value(*view.as_double());
    case JsonKind::kString: return Value::string(std::string(*view.as_string()));
    case JsonKind::kArray: {
      std::vector<Value> items;
      items.reserve(view.size());
      for (std::size_t i = 0; i < view.size(); ++i) {
        ASSIGN_OR_RETURN(Value item, value_from_json(view.element(i), levels_left - 1));
        items.push_back(std::move(item));
      }
      return Value::sequence(SequenceKind::kList, std::move(items));
    }
    case JsonKind::kObject: break;
  }
  Dict dict;
  for (std::size_t i = 0; i < view.size(); ++i) {
    ASSIGN_OR_RETURN(Value member, value_from_json(view.element(i), levels_left - 1));
    dict.set(Value::string(std::string(view.key(i))), std::move(member));
  }
  return Value::dict(std::move(dict));
}

}  // namespace

Result<Template> Template::parse(std::string_view source) {
  ASSIGN_OR_RETURN(auto tokens, tokenize(source));
  ASSIGN_OR_RETURN(Body body, Parser(std::move(tokens)).run());
  return Template(std::move(body));
}

Result<std::string> Template::render(JsonView variables, const Limits& limits) const {
  if (!variables.is_object()) {
    return invalid_input(
        fmt::format("a template's variables are a JSON object, found {}", json_kind_name(variables.kind())));
  }
  Sandbox sandbox(limits);
  auto scope = std::make_shared<Scope>();
  for (std::size_t i = 0; i < variables.size(); ++i) {
    ASSIGN_OR_RETURN_IN(std::string(variables.key(i)), Value value,
                        value_from_json(variables.element(i), limits.nesting));
    RETURN_IF_ERROR(sandbox.set_variable(*scope, variables.key(i), std::move(value)));
  }
  return Evaluator(sandbox, std::move(scope)).run(body_);
}

}  // namespace nibble::text::jinja
