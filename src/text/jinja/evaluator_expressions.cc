// Values of expressions (evaluator.h).
#include <fmt/format.h>

#include "text/jinja/comparison.h"
#include "text/jinja/evaluator.h"
#include "text/jinja/filters.h"
#include "text/jinja/functions.h"
#include "text/jinja/lookup.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/tests.h"

namespace nibble::text::jinja {
namespace {

// Reading a value costs a step, and one more for every so many values in it: work on it will take that long.
constexpr std::size_t kWeightPerStep = 64;

}  // namespace

Result<Value> Evaluator::evaluate(const Expression& expression) {
  if (++depth_ > sandbox_.limits().depth) {
    return invalid_input(
        fmt::format("the template nests expressions and macro calls deeper than {} levels", sandbox_.limits().depth));
  }
  auto value = std::visit([this](const auto& node) { return value_of(node); }, expression.node);
  --depth_;
  if (value) {
    if (auto paid = sandbox_.step(1 + value->weight() / kWeightPerStep); !paid) {
      value = std::unexpected(std::move(paid).error());
    }
  }
  if (!value && !error_line_) error_line_ = expression.line;
  return value;
}

Result<Value> Evaluator::evaluate(const ExpressionPtr& expression) {
  return expression != nullptr ? evaluate(*expression) : Value();
}

Result<bool> Evaluator::is_true(const Expression& expression) {
  ASSIGN_OR_RETURN(Value value, evaluate(expression));
  return truth_of(value);
}

Result<Value> Evaluator::value_of(const ConstantNode& node) { return node.value; }

Result<Value> Evaluator::value_of(const NameNode& node) {
  if (const Value* variable = scope_->find(node.name)) return *variable;
  ASSIGN_OR_RETURN(auto function, global_function(sandbox_, node.name));
  if (function) return *std::move(function);
  return Value::undefined(fmt::format("'{}' is undefined", node.name));
}

Result<Value> Evaluator::value_of(const AttributeNode& node) {
  ASSIGN_OR_RETURN(Value object, evaluate(*node.object));
  return attribute_of(sandbox_, object, node.name);
}

Result<Value> Evaluator::value_of(const SubscriptNode& node) {
  ASSIGN_OR_RETURN(Value object, evaluate(*node.object));
  ASSIGN_OR_RETURN(Value key, evaluate(*node.key));
  return item_of(sandbox_, object, key);
}

Result<Value> Evaluator::value_of(const SliceNode& node) {
  ASSIGN_OR_RETURN(Value object, evaluate(*node.object));
  ASSIGN_OR_RETURN(Value start, evaluate(node.start));
  ASSIGN_OR_RETURN(Value stop, evaluate(node.stop));
  ASSIGN_OR_RETURN(Value step, evaluate(node.step));
  return slice_of(sandbox_, object, start, stop, step);
}

Result<Arguments> Evaluator::evaluate(const ArgumentNodes& nodes) {
  Arguments arguments;
  for (const ExpressionPtr& node : nodes.positional) {
    ASSIGN_OR_RETURN(Value value, evaluate(*node));
    arguments.positional.push_back(std::move(value));
  }
  for (const auto& [name, node] : nodes.named) {
    ASSIGN_OR_RETURN(Value value, evaluate(*node));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (nodes.unpacked_positional != nullptr) {
    ASSIGN_OR_RETURN(Value more, evaluate(*nodes.unpacked_positional));
    ASSIGN_OR_RETURN(auto items, iterate(sandbox_, more));
    arguments.positional.insert(arguments.positional.end(), items->items.begin(), items->items.end());
  }
  if (nodes.unpacked_named != nullptr) {
    ASSIGN_OR_RETURN(Value more, evaluate(*nodes.unpacked_named));
    if (!more.is_dict()) return invalid_input(fmt::format("** expects a mapping, found {}", more.type_name()));
    for (const auto& [name, value] : more.dict()->entries()) {
      if (!name.is_string()) return invalid_input("the names of arguments are strings");
      arguments.named.emplace_back(name.string_or_empty(), value);
    }
  }
  return arguments;
}

Result<Value> Evaluator::call(const Value& callee, const Arguments& arguments) {
  if (const Undefined* undefined = callee.undefined()) return undefined_error(*undefined);
  if (callee.loop() != nullptr) return fail(ErrorCode::kUnsupported, "recursive loops");
  const Callable* callable = callee.callable();
  if (callable == nullptr) return invalid_input(fmt::format("'{}' object is not callable", callee.type_name()));
  return callable->call(arguments);
}

Result<Value> Evaluator::value_of(const CallNode& node) {
  ASSIGN_OR_RETURN(Value callee, evaluate(*node.callee));
  ASSIGN_OR_RETURN(Arguments arguments, evaluate(node.arguments));
  return call(callee, arguments);
}

Result<Value> Evaluator::value_of(const FilterNode& node) {
  ASSIGN_OR_RETURN(Value input, evaluate(*node.input));
  ASSIGN_OR_RETURN(Arguments arguments, evaluate(node.arguments));
  return apply_filter(sandbox_, node.name, input, arguments);
}

Result<Value> Evaluator::value_of(const BlockTextNode&) { return block_text_; }

Result<Value> Evaluator::value_of(const TestNode& node) {
  ASSIGN_OR_RETURN(Value input, evaluate(*node.input));
  ASSIGN_OR_RETURN(Arguments arguments, evaluate(node.arguments));
  ASSIGN_OR_RETURN(bool holds, apply_test(sandbox_, node.name, input, arguments));
  return Value(holds);
}

Result<Value> Evaluator::value_of(const UnaryNode& node) {
  ASSIGN_OR_RETURN(Value operand, evaluate(*node.operand));
  switch (node.operation) {
    case UnaryOperator::kNot: return Value(!truth_of(operand));
    case UnaryOperator::kMinus: return negate(operand);
    case UnaryOperator::kPlus: break;
  }
  return unary_plus(operand);
}

Result<Value> Evaluator::value_of(const ArithmeticNode& node) {
  ASSIGN_OR_RETURN(Value left, evaluate(*node.left));
  ASSIGN_OR_RETURN(Value right, evaluate(*node.right));
  return compute(sandbox_, node.operation, left, right);
}

Result<Value> Evaluator::value_of(const LogicNode& node) {
  ASSIGN_OR_RETURN(Value left, evaluate(*node.left));
  bool decided = truth_of(left) == (node.operation == Logic::kOr);
  return decided ? left : evaluate(*node.right);
}

Result<bool> Evaluator::compare(Comparison operation, const Value& left, const Value& right) {
  switch (operation) {
    case Comparison::kEqual: return equals(left, right);
    case Comparison::kUnequal: return !equals(left, right);
    case Comparison::kIn: return contains(sandbox_, right, left);
    case Comparison::kNotIn: {
      ASSIGN_OR_RETURN(bool found, contains(sandbox_, right, left));
      return !found;
    }
    case Comparison::kLess: return apply_test(sandbox_, "<", left, {{right}, {}});
    case Comparison::kAtMost: return apply_test(sandbox_, "<=", left, {{right}, {}});
    case Comparison::kGreater: return apply_test(sandbox_, ">", left, {{right}, {}});
    case Comparison::kAtLeast: break;
  }
  return apply_test(sandbox_, ">=", left, {{right}, {}});
}

Result<Value> Evaluator::value_of(const ComparisonNode& node) {
  ASSIGN_OR_RETURN(Value left, evaluate(*node.first));
  for (const auto& [operation, operand] : node.rest) {
    ASSIGN_OR_RETURN(Value right, evaluate(*operand));
    ASSIGN_OR_RETURN(bool holds, compare(operation, left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Evaluator::value_of(const ConcatenationNode& node) {
  TextBuilder text(sandbox_);
  for (const ExpressionPtr& part : node.parts) {
    ASSIGN_OR_RETURN(Value value, evaluate(*part));
    RETURN_IF_ERROR(append_text(text, value));
  }
  return std::move(text).finish();
}

Result<Value> Evaluator::value_of(const ConditionalNode& node) {
  ASSIGN_OR_RETURN(bool holds, is_true(*node.condition));
  if (holds) return evaluate(*node.then);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  return Value::undefined("the inline if-expression evaluated to false and no else section was defined.");
}

Result<Value> Evaluator::value_of(const SequenceNode& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& item : node.items) {
    ASSIGN_OR_RETURN(Value value, evaluate(*item));
    items.push_back(std::move(value));
  }
  return sandbox_.sequence(node.kind, std::move(items));
}

Result<Value> Evaluator::value_of(const DictNode& node) {
  Dict dict;
  for (const auto& [key_node, value_node] : node.entries) {
    ASSIGN_OR_RETURN(Value key, evaluate(*key_node));
    ASSIGN_OR_RETURN(Value value, evaluate(*value_node));
    RETURN_IF_ERROR(check_hashable(key));
    dict.set(std::move(key), std::move(value));
  }
  return sandbox_.dict(std::move(dict));
}

}  // namespace nibble::text::jinja
