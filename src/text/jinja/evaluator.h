// Runs a parsed template.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

class Evaluator {
 public:
  // The template and the names of the variables must outlive the evaluator, the sandbox too.
  Evaluator(Sandbox& sandbox, std::shared_ptr<Scope> variables) : sandbox_(sandbox), scope_(std::move(variables)) {}

  // The text of the template. An error stands within "line N".
  Result<std::string> run(const Body& body);

 private:
  // What follows a statement: the next one, or the end of the loop's round or of the loop.
  enum class Flow { kNext, kBreak, kContinue };

  // Enters a scope and leaves it when destroyed.
  class ScopeGuard {
   public:
    ScopeGuard(Evaluator& evaluator, std::shared_ptr<Scope> scope)
        : evaluator_(evaluator), left_(std::exchange(evaluator.scope_, std::move(scope))) {}
    ~ScopeGuard() { evaluator_.scope_ = std::move(left_); }
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    Evaluator& evaluator_;
    std::shared_ptr<Scope> left_;
  };

  // A value, and its price in steps. Remembers the line where evaluation failed.
  Result<Value> evaluate(const Expression& expression);
  // None for an expression that is absent.
  Result<Value> evaluate(const ExpressionPtr& expression);
  Result<bool> is_true(const Expression& expression);

  Result<Value> value_of(const ConstantNode& node);
  Result<Value> value_of(const NameNode& node);
  Result<Value> value_of(const AttributeNode& node);
  Result<Value> value_of(const SubscriptNode& node);
  Result<Value> value_of(const SliceNode& node);
  Result<Value> value_of(const CallNode& node);
  Result<Value> value_of(const FilterNode& node);
  Result<Value> value_of(const BlockTextNode& node);
  Result<Value> value_of(const TestNode& node);
  Result<Value> value_of(const UnaryNode& node);
  Result<Value> value_of(const ArithmeticNode& node);
  Result<Value> value_of(const LogicNode& node);
  Result<Value> value_of(const ComparisonNode& node);
  Result<Value> value_of(const ConcatenationNode& node);
  Result<Value> value_of(const ConditionalNode& node);
  Result<Value> value_of(const SequenceNode& node);
  Result<Value> value_of(const DictNode& node);
  Result<bool> compare(Comparison operation, const Value& left, const Value& right);
  Result<Arguments> evaluate(const ArgumentNodes& nodes);
  Result<Value> call(const Value& callee, const Arguments& arguments);

  Result<Flow> execute(const Body& body);
  Result<Flow> execute(const Statement& statement);
  Result<Flow> run_node(const TextNode& node);
  Result<Flow> run_node(const OutputNode& node);
  Result<Flow> run_node(const IfNode& node);
  Result<Flow> run_node(const ForNode& node);
  Result<Flow> run_node(const SetNode& node);
  Result<Flow> run_node(const SetBlockNode& node);
  Result<Flow> run_node(const MacroNode& node);
  Result<Flow> run_node(const CallBlockNode& node);
  Result<Flow> run_node(const FilterBlockNode& node);
  Result<Flow> run_node(const WithNode& node);
  Result<Flow> run_node(const LoopControl& node);
  // Whether a round came to its end without break or continue: where none did, jinja2 runs the else block, also of a
  // loop that had items.
  Result<bool> run_rounds(const ForNode& node, const std::shared_ptr<Loop>& loop);
  Result<bool> passes_filter(const ForNode& node, const Value& item);
  // The text of a body in a scope of its own; nullopt where it ends with break or continue, which goes to flow.
  Result<std::optional<Value>> capture(const Body& body, Flow& flow);
  Status assign(const Target& target, const Value& value);

  // macros.cc
  Result<Value> make_macro(const MacroNode& node);
  Result<Value> call_macro(const MacroNode& node, const std::shared_ptr<Scope>& defined_in, const Arguments& arguments);
  Status bind_parameters(const MacroNode& node, Scope& scope, const Arguments& arguments);
  Status bind_special_variables(const MacroNode& node, Scope& scope, const Arguments& arguments);

  std::shared_ptr<Scope> inner_scope() const { return std::make_shared<Scope>(scope_); }

  Sandbox& sandbox_;
  std::shared_ptr<Scope> scope_;
  TextBuilder* out_ = nullptr;
  Value block_text_;  // of the filter block that is being filtered
  int depth_ = 0;
  std::optional<int> error_line_;  // of the innermost place
};

}  // namespace nibble::text::jinja
