#include "text/jinja/evaluator.h"

#include <fmt/format.h>

#include "text/jinja/comparison.h"
#include "text/jinja/lookup.h"
#include "text/jinja/loop.h"
#include "text/jinja/printing.h"

namespace nibble::text::jinja {
namespace {

// Tells a loop that its block has ended, however it ended.
class LoopEnd {
 public:
  explicit LoopEnd(Loop& loop) : loop_(loop) {}
  ~LoopEnd() { loop_.end(); }
  LoopEnd(const LoopEnd&) = delete;
  LoopEnd& operator=(const LoopEnd&) = delete;

 private:
  Loop& loop_;
};

}  // namespace

Result<std::string> Evaluator::run(const Body& body) {
  TextBuilder out(sandbox_);
  out_ = &out;
  auto flow = execute(body);
  if (!flow) {
    return std::unexpected(std::move(flow).error().within(fmt::format("line {}", error_line_.value_or(1))));
  }
  return std::move(out).take();
}

Result<Evaluator::Flow> Evaluator::execute(const Body& body) {
  for (const Statement& statement : body) {
    ASSIGN_OR_RETURN(Flow flow, execute(statement));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::execute(const Statement& statement) {
  RETURN_IF_ERROR(sandbox_.step());
  if (++depth_ > sandbox_.limits().depth) {
    return invalid_input(
        fmt::format("the template nests blocks and macro calls deeper than {} levels", sandbox_.limits().depth));
  }
  auto flow = std::visit([this](const auto& node) { return run_node(node); }, statement.node);
  --depth_;
  if (!flow && !error_line_) error_line_ = statement.line;
  return flow;
}

Result<Evaluator::Flow> Evaluator::run_node(const TextNode& node) {
  out_->append(node.text);
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::run_node(const OutputNode& node) {
  ASSIGN_OR_RETURN(Value value, evaluate(*node.value));
  RETURN_IF_ERROR(append_text(*out_, value));
  if (out_->full()) return invalid_input("the template's text grows beyond its limit");
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::run_node(const IfNode& node) {
  for (const IfNode::Branch& branch : node.branches) {
    ASSIGN_OR_RETURN(bool holds, is_true(*branch.condition));
    if (holds) return execute(branch.body);
  }
  return execute(node.otherwise);
}

Result<bool> Evaluator::passes_filter(const ForNode& node, const Value& item) {
  ScopeGuard guard(*this, inner_scope());
  RETURN_IF_ERROR(assign(node.target, item));
  return is_true(*node.filter);
}

Result<Evaluator::Flow> Evaluator::run_node(const ForNode& node) {
  ASSIGN_OR_RETURN(Value iterable, evaluate(*node.items));
  ASSIGN_OR_RETURN(auto items, iterate(sandbox_, iterable));
  Loop::Filter filter;
  if (node.filter != nullptr) {
    // The body may ask for it (loop.last), but its names are those around the loop.
    filter = [this, &node, scope = scope_.get()](const Value& item) {
      ScopeGuard guard(*this, scope->shared_from_this());
      return passes_filter(node, item);
    };
  }
  auto loop = std::make_shared<Loop>(sandbox_, std::move(items), std::move(filter));
  LoopEnd end(*loop);
  ASSIGN_OR_RETURN(bool completed, run_rounds(node, loop));
  if (completed) return Flow::kNext;
  ScopeGuard guard(*this, inner_scope());
  return execute(node.otherwise);
}

Result<bool> Evaluator::run_rounds(const ForNode& node, const std::shared_ptr<Loop>& loop) {
  bool completed = false;
  while (true) {
    ASSIGN_OR_RETURN(bool more, loop->advance());
    if (!more) return completed;
    ScopeGuard guard(*this, inner_scope());
    scope_->set("loop", Value(loop));
    RETURN_IF_ERROR(assign(node.target, loop->current()));
    ASSIGN_OR_RETURN(Flow flow, execute(node.body));
    if (flow == Flow::kBreak) return completed;
    completed = completed || flow == Flow::kNext;
  }
}

Result<Evaluator::Flow> Evaluator::run_node(const SetNode& node) {
  ASSIGN_OR_RETURN(Value value, evaluate(*node.value));
  RETURN_IF_ERROR(assign(node.target, value));
  return Flow::kNext;
}

Result<std::optional<Value>> Evaluator::capture(const Body& body, Flow& flow) {
  TextBuilder text(sandbox_);
  TextBuilder* outer = std::exchange(out_, &text);
  Result<Flow> result = Flow::kNext;
  {
    ScopeGuard guard(*this, inner_scope());
    result = execute(body);
  }
  out_ = outer;
  if (!result) return std::unexpected(std::move(result).error());
  flow = *result;
  if (flow != Flow::kNext) return std::nullopt;
  ASSIGN_OR_RETURN(Value value, std::move(text).finish());
  return value;
}

Result<Evaluator::Flow> Evaluator::run_node(const SetBlockNode& node) {
  Flow flow = Flow::kNext;
  ASSIGN_OR_RETURN(auto text, capture(node.body, flow));
  if (!text) return flow;
  Value outer = std::exchange(block_text_, *std::move(text));
  auto value = evaluate(*node.value);
  block_text_ = std::move(outer);
  if (!value) return std::unexpected(std::move(value).error());
  RETURN_IF_ERROR(assign(node.target, *value));
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::run_node(const FilterBlockNode& node) {
  Flow flow = Flow::kNext;
  ASSIGN_OR_RETURN(auto text, capture(node.body, flow));
  if (!text) return flow;
  Value outer = std::exchange(block_text_, *std::move(text));
  auto value = evaluate(*node.value);
  block_text_ = std::move(outer);
  if (!value) return std::unexpected(std::move(value).error());
  RETURN_IF_ERROR(append_text(*out_, *value));
  return Flow::kNext;
}

Result<Evaluator::Flow> Evaluator::run_node(const WithNode& node) {
  auto scope = inner_scope();
  for (const auto& [target, expression] : node.assignments) {
    ASSIGN_OR_RETURN(Value value, evaluate(*expression));  // in the scope around
    ScopeGuard guard(*this, scope);
    RETURN_IF_ERROR(assign(target, value));
  }
  ScopeGuard guard(*this, scope);
  return execute(node.body);
}

Result<Evaluator::Flow> Evaluator::run_node(const LoopControl& node) {
  return node == LoopControl::kBreak ? Flow::kBreak : Flow::kContinue;
}

Status Evaluator::assign(const Target& target, const Value& value) {
  if (const std::string* name = std::get_if<std::string>(&target.form)) {
    return sandbox_.set_variable(*scope_, *name, value);
  }
  if (const auto* attribute = std::get_if<Target::Attribute>(&target.form)) {
    const Value* object = scope_->find(attribute->object);
    Namespace* space = object != nullptr ? object->space() : nullptr;
    if (space == nullptr) {
      return invalid_input(fmt::format("cannot assign to {}.{}: only namespaces have attributes that change",
                                       attribute->object, attribute->name));
    }
    return sandbox_.set_attribute(*space, attribute->name, value);
  }
  const auto& parts = std::get<std::vector<Target>>(target.form);
  ASSIGN_OR_RETURN(auto items, iterate(sandbox_, value));
  if (items->items.size() != parts.size()) {
    return invalid_input(fmt::format("expected {} values to unpack, found {}", parts.size(), items->items.size()));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) RETURN_IF_ERROR(assign(parts[i], items->items[i]));
  return {};
}

}  // namespace nibble::text::jinja
