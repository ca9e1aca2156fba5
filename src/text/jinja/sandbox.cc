#include "text/jinja/sandbox.h"

#include <fmt/format.h>

#include "base/checked.h"

namespace nibble::text::jinja {
namespace {

// Namespaces and macros live until the rendering ends: their price in steps bounds their number.
constexpr std::size_t kStepsPerKeptObject = 100;

// Number of values of a range; the arithmetic must not overflow at the ends of int64.
std::uint64_t range_length(const RangeBounds& bounds) {
  bool up = bounds.step > 0;
  if (up ? bounds.start >= bounds.stop : bounds.start <= bounds.stop) return 0;
  auto low = static_cast<std::uint64_t>(up ? bounds.start : bounds.stop);
  auto high = static_cast<std::uint64_t>(up ? bounds.stop : bounds.start);
  std::uint64_t stride = up ? static_cast<std::uint64_t>(bounds.step) : 0 - static_cast<std::uint64_t>(bounds.step);
  return (high - low - 1) / stride + 1;
}

}  // namespace

Sandbox::~Sandbox() {
  for (auto& space : namespaces_) space->attributes.clear();
  for (auto& scope : scopes_) scope->variables.clear();
}

Status Sandbox::step(std::size_t count) {
  steps_ += count;
  if (steps_ > limits_.steps) return invalid_input(fmt::format("the template takes more than {} steps", limits_.steps));
  return {};
}

Status Sandbox::create(std::size_t bytes) {
  created_ += bytes;
  if (created_ > limits_.created_bytes) {
    return invalid_input(fmt::format("the template makes more than {} bytes of values", limits_.created_bytes));
  }
  return {};
}

Result<Value> Sandbox::string(std::string text, bool safe) {
  if (text.size() > limits_.text_bytes) {
    return invalid_input(fmt::format("the template makes a string longer than {} bytes", limits_.text_bytes));
  }
  RETURN_IF_ERROR(create(sizeof(Text) + text.size()));
  return Value::string(std::move(text), safe);
}

Result<Value> Sandbox::within_limits(Value container) {
  if (container.weight() > limits_.weight) {
    return invalid_input(fmt::format("the template makes a {} of more than {} values, nested ones included",
                                     container.type_name(), limits_.weight));
  }
  if (container.depth() > limits_.nesting) {
    return invalid_input(fmt::format("the template nests values deeper than {} levels", limits_.nesting));
  }
  return container;
}

Result<Value> Sandbox::sequence(SequenceKind kind, std::vector<Value> items) {
  RETURN_IF_ERROR(create(sizeof(Sequence) + items.size() * sizeof(Value)));
  return within_limits(Value::sequence(kind, std::move(items)));
}

Result<Value> Sandbox::range(RangeBounds bounds) {
  std::uint64_t length = range_length(bounds);
  if (length > limits_.range_items) {
    return invalid_input(
        fmt::format("a range of {} items, more than the {} that templates may use", length, limits_.range_items));
  }
  RETURN_IF_ERROR(create(sizeof(Sequence) + length * sizeof(Value)));
  Sequence range{.kind = SequenceKind::kRange, .items = {}, .weight = 1 + length, .depth = 1, .bounds = bounds};
  range.items.reserve(length);
  std::int64_t next = bounds.start;
  for (std::uint64_t i = 0; i < length; ++i) {
    range.items.emplace_back(next);
    if (i + 1 < length) next += bounds.step;
  }
  return Value(std::make_shared<const Sequence>(std::move(range)));
}

Result<Value> Sandbox::dict(Dict dict) {
  RETURN_IF_ERROR(create(sizeof(Dict) + dict.size() * sizeof(Dict::Entry)));
  return within_limits(Value::dict(std::move(dict)));
}

Result<std::shared_ptr<Namespace>> Sandbox::new_namespace() {
  RETURN_IF_ERROR(step(kStepsPerKeptObject));
  return namespaces_.emplace_back(std::make_shared<Namespace>());
}

Status Sandbox::set_attribute(Namespace& space, std::string_view name, Value value) {
  // transformers refuses these names too: Python keeps its internals behind them.
  if (name.starts_with('_')) {
    return invalid_input(fmt::format("a namespace takes no attribute that begins with '_', found '{}'", name));
  }
  space.set(name, std::move(value));
  if (space.attributes.size() > limits_.names) {
    return invalid_input(fmt::format("a namespace of more than {} attributes", limits_.names));
  }
  return {};
}

Status Sandbox::set_variable(Scope& scope, std::string_view name, Value value) {
  scope.set(name, std::move(value));
  if (scope.variables.size() > limits_.names) {
    return invalid_input(fmt::format("a block of more than {} variables", limits_.names));
  }
  return {};
}

Result<Value> Sandbox::callable(std::string name, std::function<Result<Value>(const Arguments&)> call) {
  RETURN_IF_ERROR(create(sizeof(Callable)));
  return Value(std::make_shared<const Callable>(Callable{std::move(name), std::move(call)}));
}

Status Sandbox::keep(std::shared_ptr<Scope> scope) {
  RETURN_IF_ERROR(step(kStepsPerKeptObject));
  scopes_.push_back(std::move(scope));
  return {};
}

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer.get()) {
    for (const auto& [variable, value] : scope->variables) {
      if (variable == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [variable, current] : variables) {
    if (variable == name) {
      current = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

void TextBuilder::append(std::string_view text) {
  if (full_ || text.size() > sandbox_->limits().text_bytes - text_.size()) {
    full_ = true;
    return;
  }
  text_ += text;
}

void TextBuilder::append_repeated(std::string_view text, std::int64_t count) {
  if (count <= 0 || text.empty()) return;
  auto total = checked_multiply(text.size(), static_cast<std::size_t>(count));
  if (full_ || !total || *total > sandbox_->limits().text_bytes - text_.size()) {
    full_ = true;
    return;
  }
  text_.reserve(text_.size() + *total);
  for (std::int64_t i = 0; i < count; ++i) text_ += text;
}

Result<std::string> TextBuilder::take() && {
  if (full_) {
    return invalid_input(
        fmt::format("the template makes a string longer than {} bytes", sandbox_->limits().text_bytes));
  }
  RETURN_IF_ERROR(sandbox_->create(text_.size()));
  return std::move(text_);
}

Result<Value> TextBuilder::finish(bool safe) && {
  ASSIGN_OR_RETURN(std::string text, std::move(*this).take());
  return Value::string(std::move(text), safe);
}

}  // namespace nibble::text::jinja
