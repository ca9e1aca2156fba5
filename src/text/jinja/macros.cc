// Macros and call blocks (evaluator.h).
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/evaluator.h"
#include "text/jinja/printing.h"

namespace nibble::text::jinja {
namespace {

const Value* find_named(const Arguments& arguments, std::string_view name) {
  for (const auto& [given, value] : arguments.named) {
    if (given == name) return &value;
  }
  return nullptr;
}

bool is_parameter(const MacroNode& macro, std::string_view name) {
  return std::ranges::find(macro.parameters, name, &MacroNode::Parameter::name) != macro.parameters.end();
}

}  // namespace

Result<Value> Evaluator::make_macro(const MacroNode& node) {
  RETURN_IF_ERROR(sandbox_.keep(scope_));
  // The scope holds the macro and lives until the sandbox empties it: a plain pointer here avoids a cycle.
  Scope* scope = scope_.get();
  return sandbox_.callable(node.name, [this, &node, scope](const Arguments& arguments) {
    return call_macro(node, scope->shared_from_this(), arguments);
  });
}

Result<Evaluator::Flow> Evaluator::run_node(const MacroNode& node) {
  ASSIGN_OR_RETURN(Value macro, make_macro(node));
  RETURN_IF_ERROR(sandbox_.set_variable(*scope_, node.name, std::move(macro)));
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::run_node(const CallBlockNode& node) {
  const CallNode& call_node = std::get<CallNode>(node.call->node);
  ASSIGN_OR_RETURN(Value caller, make_macro(node.caller));
  ASSIGN_OR_RETURN(Value callee, evaluate(*call_node.callee));
  ASSIGN_OR_RETURN(Arguments arguments, evaluate(call_node.arguments));
  arguments.named.emplace_back("caller", std::move(caller));
  ASSIGN_OR_RETURN(Value text, call(callee, arguments));
  RETURN_IF_ERROR(append_text(*out_, text));
  return Flow::kNext;
}

Result<Value> Evaluator::call_macro(const MacroNode& node, const std::shared_ptr<Scope>& defined_in,
                                    const Arguments& arguments) {
  auto scope = std::make_shared<Scope>(defined_in);
  ScopeGuard guard(*this, scope);
  RETURN_IF_ERROR(bind_special_variables(node, *scope, arguments));
  RETURN_IF_ERROR(bind_parameters(node, *scope, arguments));
  TextBuilder text(sandbox_);
  TextBuilder* outer = std::exchange(out_, &text);
  auto flow = execute(node.body);
  out_ = outer;
  if (!flow) return std::unexpected(std::move(flow).error());
  return std::move(text).finish();
}

Status Evaluator::bind_parameters(const MacroNode& node, Scope& scope, const Arguments& arguments) {
  for (std::size_t i = 0; i < node.parameters.size(); ++i) {
    const auto& [name, fallback] = node.parameters[i];
    Value value;
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (const Value* named = find_named(arguments, name)) {
      value = *named;
    } else if (fallback != nullptr) {
      ASSIGN_OR_RETURN(value, evaluate(*fallback));
    } else {
      value = Value::undefined(fmt::format("parameter '{}' was not provided", name));
    }
    RETURN_IF_ERROR(sandbox_.set_variable(scope, name, std::move(value)));
  }
  return {};
}

// varargs, kwargs and caller, for macros whose body names them; for others, surplus arguments are an error.
Status Evaluator::bind_special_variables(const MacroNode& node, Scope& scope, const Arguments& arguments) {
  std::size_t taken = std::min(arguments.positional.size(), node.parameters.size());
  if (node.uses_varargs) {
    ASSIGN_OR_RETURN(Value rest, sandbox_.tuple({arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                                                 arguments.positional.end()}));
    RETURN_IF_ERROR(sandbox_.set_variable(scope, "varargs", std::move(rest)));
  } else if (taken < arguments.positional.size()) {
    return invalid_input(
        fmt::format("macro '{}' takes not more than {} argument(s)", node.name, node.parameters.size()));
  }
  if (node.uses_caller && !is_parameter(node, "caller")) {
    const Value* caller = find_named(arguments, "caller");
    RETURN_IF_ERROR(
        sandbox_.set_variable(scope, "caller", caller != nullptr ? *caller : Value::undefined("No caller defined")));
  }
  Dict rest;
  for (const auto& [name, value] : arguments.named) {
    if (node.uses_caller && name == "caller") continue;
    bool given_twice =
        std::ranges::find(node.parameters.begin(), node.parameters.begin() + static_cast<std::ptrdiff_t>(taken), name,
                          &MacroNode::Parameter::name) != node.parameters.begin() + static_cast<std::ptrdiff_t>(taken);
    if (is_parameter(node, name) && !given_twice) continue;
    if (!node.uses_kwargs) {
      return invalid_input(fmt::format("macro '{}' takes no keyword argument '{}'", node.name, name));
    }
    rest.set(Value::string(name), value);
  }
  if (!node.uses_kwargs) return {};
  ASSIGN_OR_RETURN(Value kwargs, sandbox_.dict(std::move(rest)));
  return sandbox_.set_variable(scope, "kwargs", std::move(kwargs));
}

}  // namespace nibble::text::jinja
