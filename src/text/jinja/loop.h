// The "loop" variable of a for block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

// Takes items one by one. A filter ("for x in items if …") is asked no earlier than the item is needed, at most one
// item ahead of the body, so that it sees what the body has set meanwhile, as in jinja2.
class Loop {
 public:
  using Filter = std::function<Result<bool>(const Value&)>;

  Loop(Sandbox& sandbox, std::shared_ptr<const Sequence> items, Filter filter)
      : sandbox_(&sandbox), items_(std::move(items)), filter_(std::move(filter)) {}

  // Moves to the next item; false after the last.
  Result<bool> advance();
  const Value& current() const { return current_; }
  std::int64_t index0() const { return index0_; }
  Result<std::int64_t> length();

  // index, index0, revindex, revindex0, first, last, length, depth, depth0, previtem, nextitem, cycle, changed;
  // undefined for another name.
  static Result<Value> attribute(const std::shared_ptr<Loop>& loop, std::string_view name);

  // The block has ended: lets go of what refers to it.
  void end();

 private:
  // Finds the next item without moving to it; false after the last.
  Result<bool> peek();
  Value cycle(const Arguments& arguments) const;
  bool changed(const Arguments& arguments);

  Sandbox* sandbox_;
  std::shared_ptr<const Sequence> items_;
  Filter filter_;
  std::size_t position_ = 0;  // of the next item to look at
  std::int64_t index0_ = -1;
  Value before_;
  Value current_;
  std::optional<Value> after_;
  std::optional<std::int64_t> length_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace nibble::text::jinja
