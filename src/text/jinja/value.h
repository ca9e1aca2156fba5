// The values a template computes with: Python's, as far as templates can see them.
//
// Everything but namespaces and loops is immutable, as in jinja2's ImmutableSandboxedEnvironment, so copies share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace nibble::text::jinja {

struct Text;
struct Sequence;
class Dict;
struct Namespace;
class Loop;
struct Callable;

// What jinja2 returns for a name or attribute that does not exist: prints as nothing, fails on most other uses.
struct Undefined {
  std::shared_ptr<const std::string> reason;
};

struct None {};

enum class SequenceKind : std::uint8_t { kList, kTuple, kRange, kGenerator, kDictKeys, kDictValues, kDictItems };

class Value {
 public:
  Value() = default;  // None
  explicit Value(Undefined undefined) : storage_(std::move(undefined)) {}
  explicit Value(bool truth) : storage_(truth) {}
  explicit Value(std::int64_t number) : storage_(number) {}
  // Integers of the variables beyond int64: carried and printed exactly, no arithmetic.
  explicit Value(std::uint64_t number);
  explicit Value(double number) : storage_(number) {}
  explicit Value(std::shared_ptr<Namespace> space) : storage_(std::move(space)) {}
  explicit Value(std::shared_ptr<Loop> loop) : storage_(std::move(loop)) {}
  explicit Value(std::shared_ptr<const Callable> callable) : storage_(std::move(callable)) {}
  explicit Value(std::shared_ptr<const Sequence> sequence) : storage_(std::move(sequence)) {}

  static Value undefined(std::string reason);
  // These trust their size; what a template computes is made through Sandbox, which does not.
  static Value string(std::string text, bool safe = false);
  static Value sequence(SequenceKind kind, std::vector<Value> items);
  static Value dict(Dict dict);

  bool is_none() const { return holds<None>(); }
  bool is_undefined() const { return holds<Undefined>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_integer() const { return holds<std::int64_t>() || holds<std::uint64_t>(); }  // a bool is none
  bool is_float() const { return holds<double>(); }
  bool is_number() const { return is_bool() || is_integer() || is_float(); }
  bool is_string() const { return holds<TextPointer>(); }
  bool is_list() const { return is_sequence(SequenceKind::kList); }
  bool is_tuple() const { return is_sequence(SequenceKind::kTuple); }
  bool is_sequence(SequenceKind kind) const;
  bool is_dict() const { return holds<DictPointer>(); }

  // nullptr where the value is of another type. What they point to lives as long as this value.
  const Undefined* undefined() const { return std::get_if<Undefined>(&storage_); }
  const bool* boolean() const { return std::get_if<bool>(&storage_); }
  const double* real() const { return std::get_if<double>(&storage_); }
  const Text* text() const { return pointee<Text>(); }
  const Sequence* sequence() const { return pointee<Sequence>(); }
  const Dict* dict() const { return pointee<Dict>(); }
  const Callable* callable() const { return pointee<Callable>(); }
  Namespace* space() const;
  Loop* loop() const { return shared_loop().get(); }
  std::shared_ptr<Loop> shared_loop() const;
  std::shared_ptr<const Sequence> shared_sequence() const;

  // Integers and booleans that fit 64 bits.
  std::optional<std::int64_t> integer() const;
  std::optional<std::uint64_t> huge_integer() const;
  // Any number, as a double.
  std::optional<double> number() const;
  std::string_view string_or_empty() const;

  std::string_view type_name() const;  // Python's
  // Nodes of the tree below, shared ones counted each time, long strings as several; levels of nesting.
  std::size_t weight() const;
  int depth() const;
  // The same object, which "is" tells in Python.
  bool same_as(const Value& other) const;

 private:
  using TextPointer = std::shared_ptr<const Text>;
  using SequencePointer = std::shared_ptr<const Sequence>;
  using DictPointer = std::shared_ptr<const Dict>;

  template <typename T>
  bool holds() const {
    return std::holds_alternative<T>(storage_);
  }
  template <typename T>
  const T* pointee() const {
    auto* pointer = std::get_if<std::shared_ptr<const T>>(&storage_);
    return pointer != nullptr ? pointer->get() : nullptr;
  }

  std::variant<None, Undefined, bool, std::int64_t, std::uint64_t, double, TextPointer, SequencePointer, DictPointer,
               std::shared_ptr<Namespace>, std::shared_ptr<Loop>, std::shared_ptr<const Callable>>
      storage_;
};

struct Text {
  std::string bytes;
  std::size_t length;  // code points
  bool safe;           // markupsafe.Markup: "+" escapes what is added to it

  bool is_ascii() const { return length == bytes.size(); }
  // The code points [begin, end).
  std::string_view slice(std::size_t begin, std::size_t end) const;
};

struct RangeBounds {
  std::int64_t start = 0;
  std::int64_t stop = 0;
  std::int64_t step = 1;
};

struct Sequence {
  SequenceKind kind;
  std::vector<Value> items;
  std::size_t weight;
  int depth;
  RangeBounds bounds = {};           // of a range
  mutable std::size_t consumed = 0;  // of a generator: items already taken

  bool is_view() const { return kind >= SequenceKind::kDictKeys; }
  bool has_length() const { return kind != SequenceKind::kGenerator; }
  bool has_index() const { return kind <= SequenceKind::kRange; }
};

// Python's == and hash(): 1, 1.0 and True are one key.
bool equals(const Value& a, const Value& b);
std::size_t hash_of(const Value& value);
// The name of the type that makes it unhashable, if any.
std::optional<std::string_view> unhashable_type(const Value& value);

class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  // Keys are hashable. A key that is there keeps its place and gets the new value.
  void set(Value key, Value value);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  std::size_t weight() const { return weight_; }
  int depth() const { return depth_; }

 private:
  struct Hash {
    std::size_t operator()(const Value& value) const { return hash_of(value); }
  };
  struct Equal {
    bool operator()(const Value& a, const Value& b) const { return equals(a, b); }
  };
  std::optional<std::size_t> position_of(const Value& key) const;

  static constexpr std::size_t kIndexFrom = 12;  // below this many entries a scan is faster than hashing

  std::vector<Entry> entries_;
  std::unordered_map<Value, std::size_t, Hash, Equal> index_;
  std::size_t weight_ = 1;
  int depth_ = 1;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;

  Value* find(std::string_view name);
  void set(std::string_view name, Value value);
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Result<Value>(const Arguments&)> call;
};

}  // namespace nibble::text::jinja
