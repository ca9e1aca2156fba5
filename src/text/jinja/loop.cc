#include "text/jinja/loop.h"

#include <algorithm>

namespace nibble::text::jinja {

Result<bool> Loop::peek() {
  while (!after_ && position_ < items_->items.size()) {
    const Value& item = items_->items[position_++];
    bool wanted = true;
    if (filter_) {
      RETURN_IF_ERROR(sandbox_->step());
      ASSIGN_OR_RETURN(wanted, filter_(item));
    }
    if (wanted) after_ = item;
  }
  return after_.has_value();
}

Result<bool> Loop::advance() {
  RETURN_IF_ERROR(sandbox_->step());
  ASSIGN_OR_RETURN(bool more, peek());
  if (!more) return false;
  before_ = std::move(current_);
  current_ = *std::move(after_);
  after_.reset();
  ++index0_;
  return true;
}

Result<std::int64_t> Loop::length() {
  if (length_) return *length_;
  if (!filter_) {
    length_ = static_cast<std::int64_t>(items_->items.size());
    return *length_;
  }
  // Only now must the filter judge all the rest.
  std::vector<Value> rest;
  while (true) {
    ASSIGN_OR_RETURN(bool more, peek());
    if (!more) break;
    rest.push_back(*std::move(after_));
    after_.reset();
  }
  length_ = index0_ + 1 + static_cast<std::int64_t>(rest.size());
  ASSIGN_OR_RETURN(Value remaining, sandbox_->list(std::move(rest)));
  items_ = remaining.shared_sequence();
  position_ = 0;
  filter_ = nullptr;
  return *length_;
}

Value Loop::cycle(const Arguments& arguments) const {
  return arguments
      .positional[static_cast<std::size_t>(std::max<std::int64_t>(index0_, 0)) % arguments.positional.size()];
}

bool Loop::changed(const Arguments& arguments) {
  bool same = last_changed_ && std::ranges::equal(*last_changed_, arguments.positional, equals);
  if (!same) last_changed_ = arguments.positional;
  return !same;
}

Result<Value> Loop::attribute(const std::shared_ptr<Loop>& loop, std::string_view name) {
  if (name == "index0") return Value(loop->index0_);
  if (name == "index") return Value(loop->index0_ + 1);
  if (name == "first") return Value(loop->index0_ == 0);
  if (name == "depth") return Value(std::int64_t{1});
  if (name == "depth0") return Value(std::int64_t{0});
  if (name == "previtem") {
    return loop->index0_ > 0 ? loop->before_ : Value::undefined("there is no previous item");
  }
  if (name == "last" || name == "nextitem") {
    ASSIGN_OR_RETURN(bool more, loop->peek());
    if (name == "last") return Value(!more);
    return more ? *loop->after_ : Value::undefined("there is no next item");
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    ASSIGN_OR_RETURN(std::int64_t length, loop->length());
    if (name == "length") return Value(length);
    return Value(name == "revindex" ? length - loop->index0_ : length - loop->index0_ - 1);
  }
  if (name == "cycle") {
    return loop->sandbox_->callable("cycle", [loop](const Arguments& arguments) -> Result<Value> {
      if (arguments.positional.empty()) return invalid_input("loop.cycle() needs at least one value");
      return loop->cycle(arguments);
    });
  }
  if (name == "changed") {
    return loop->sandbox_->callable(
        "changed", [loop](const Arguments& arguments) -> Result<Value> { return Value(loop->changed(arguments)); });
  }
  return Value::undefined("'LoopContext' has no attribute '" + std::string(name) + "'");
}

void Loop::end() {
  filter_ = nullptr;
  last_changed_.reset();
}

}  // namespace nibble::text::jinja
