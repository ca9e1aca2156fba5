// What a template may use up. A template comes with a downloaded checkpoint: it is input, not code of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

struct Scope;

// A conversation of a million tokens (about 4 MB) stays far below these; a template that reaches one is broken or
// hostile, and is stopped within seconds.
struct Limits {
  std::size_t steps = 20'000'000;                    // nodes evaluated and items visited
  std::size_t text_bytes = std::size_t{64} << 20;    // one string, and the output
  std::size_t created_bytes = std::size_t{1} << 30;  // all strings and containers ever made
  std::size_t weight = 2'000'000;                    // values in one container, nested ones included
  int nesting = 200;                                 // of containers
  int depth = 400;                                   // of evaluation: expressions, statements and macro calls
  std::size_t range_items = 100'000;                 // as jinja2's MAX_RANGE
  std::size_t names = 1'000;                         // variables of one block, attributes of one namespace
};

// Counts for one rendering, makes the values it computes, and ends their cycles with it.
class Sandbox {
 public:
  explicit Sandbox(const Limits& limits) : limits_(limits) {}
  // Namespaces and the scopes that macros hold on to can form cycles: they are emptied here.
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  const Limits& limits() const { return limits_; }

  Status step(std::size_t count = 1);
  // Bytes about to be made.
  Status create(std::size_t bytes);

  Result<Value> string(std::string text, bool safe = false);
  Result<Value> string(std::string_view text, bool safe = false) { return string(std::string(text), safe); }
  Result<Value> string(const char* text) { return string(std::string(text)); }
  Result<Value> sequence(SequenceKind kind, std::vector<Value> items);
  Result<Value> list(std::vector<Value> items) { return sequence(SequenceKind::kList, std::move(items)); }
  Result<Value> tuple(std::vector<Value> items) { return sequence(SequenceKind::kTuple, std::move(items)); }
  Result<Value> generator(std::vector<Value> items) { return sequence(SequenceKind::kGenerator, std::move(items)); }
  Result<Value> range(RangeBounds bounds);
  Result<Value> dict(Dict dict);
  Result<std::shared_ptr<Namespace>> new_namespace();
  // ns.name = value
  Status set_attribute(Namespace& space, std::string_view name, Value value);
  Result<Value> callable(std::string name, std::function<Result<Value>(const Arguments&)> call);
  // A variable of a block.
  Status set_variable(Scope& scope, std::string_view name, Value value);
  // A macro will refer to this scope until the end of the rendering.
  Status keep(std::shared_ptr<Scope> scope);

 private:
  Result<Value> within_limits(Value container);

  const Limits limits_;
  std::size_t steps_ = 0;
  std::size_t created_ = 0;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  std::vector<std::shared_ptr<Scope>> scopes_;
};

// The variables of one block of a template, and the block around it.
struct Scope : std::enable_shared_from_this<Scope> {
  explicit Scope(std::shared_ptr<Scope> around = nullptr) : outer(std::move(around)) {}

  std::shared_ptr<Scope> outer;
  std::vector<std::pair<std::string_view, Value>> variables;  // names live in the template or the JSON variables

  const Value* find(std::string_view name) const;  // here and outwards
  void set(std::string_view name, Value value);    // here
};

// Text under construction. What goes beyond the limit is not kept, and finish() says so: loops that append need not
// check each time, but should stop once full().
class TextBuilder {
 public:
  explicit TextBuilder(Sandbox& sandbox) : sandbox_(&sandbox) {}

  void append(std::string_view text);
  void append(char c) { append(std::string_view(&c, 1)); }
  void append_repeated(std::string_view text, std::int64_t count);  // nothing where count is negative
  bool full() const { return full_; }

  Result<std::string> take() &&;
  Result<Value> finish(bool safe = false) &&;

 private:
  Sandbox* sandbox_;
  std::string text_;
  bool full_ = false;
};

}  // namespace nibble::text::jinja
