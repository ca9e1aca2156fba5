#include "text/jinja/value.h"

#include <algorithm>
#include <limits>

#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

// A string counts as one node for every so many bytes, so that weights bound bytes too.
constexpr std::size_t kBytesPerNode = 64;

constexpr std::uint64_t kLargestInteger = std::numeric_limits<std::int64_t>::max();

std::string_view sequence_type_name(SequenceKind kind) {
  switch (kind) {
    case SequenceKind::kList: return "list";
    case SequenceKind::kTuple: return "tuple";
    case SequenceKind::kRange: return "range";
    case SequenceKind::kGenerator: return "generator";
    case SequenceKind::kDictKeys: return "dict_keys";
    case SequenceKind::kDictValues: return "dict_values";
    case SequenceKind::kDictItems: return "dict_items";
  }
  return "sequence";
}

}  // namespace

Value::Value(std::uint64_t number) {
  if (number <= kLargestInteger) {
    storage_ = static_cast<std::int64_t>(number);
  } else {
    storage_ = number;
  }
}

Value Value::undefined(std::string reason) {
  return Value(Undefined{std::make_shared<const std::string>(std::move(reason))});
}

Value Value::string(std::string text, bool safe) {
  std::size_t length = code_point_count(text);
  Value value;
  value.storage_ = std::make_shared<const Text>(Text{std::move(text), length, safe});
  return value;
}

Value Value::sequence(SequenceKind kind, std::vector<Value> items) {
  Sequence sequence{.kind = kind, .items = std::move(items), .weight = 1, .depth = 1};
  for (const Value& item : sequence.items) {
    sequence.weight += item.weight();
    sequence.depth = std::max(sequence.depth, item.depth() + 1);
  }
  return Value(std::make_shared<const Sequence>(std::move(sequence)));
}

Value Value::dict(Dict dict) {
  Value value;
  value.storage_ = std::make_shared<const Dict>(std::move(dict));
  return value;
}

bool Value::is_sequence(SequenceKind kind) const {
  const Sequence* found = sequence();
  return found != nullptr && found->kind == kind;
}

Namespace* Value::space() const {
  auto* pointer = std::get_if<std::shared_ptr<Namespace>>(&storage_);
  return pointer != nullptr ? pointer->get() : nullptr;
}

std::shared_ptr<Loop> Value::shared_loop() const {
  auto* pointer = std::get_if<std::shared_ptr<Loop>>(&storage_);
  return pointer != nullptr ? *pointer : nullptr;
}

std::shared_ptr<const Sequence> Value::shared_sequence() const {
  auto* pointer = std::get_if<SequencePointer>(&storage_);
  return pointer != nullptr ? *pointer : nullptr;
}

std::optional<std::int64_t> Value::integer() const {
  if (auto* number = std::get_if<std::int64_t>(&storage_)) return *number;
  if (auto* truth = std::get_if<bool>(&storage_)) return *truth ? 1 : 0;
  return std::nullopt;
}

std::optional<std::uint64_t> Value::huge_integer() const {
  auto* number = std::get_if<std::uint64_t>(&storage_);
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

std::optional<double> Value::number() const {
  if (auto number = integer()) return static_cast<double>(*number);
  if (auto number = huge_integer()) return static_cast<double>(*number);
  if (auto* number = real()) return *number;
  return std::nullopt;
}

std::string_view Value::string_or_empty() const {
  const Text* found = text();
  return found != nullptr ? std::string_view(found->bytes) : std::string_view();
}

std::string_view Value::type_name() const {
  if (const Sequence* found = sequence()) return sequence_type_name(found->kind);
  if (is_none()) return "NoneType";
  if (is_undefined()) return "Undefined";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (const Text* found = text()) return found->safe ? "Markup" : "str";
  if (is_dict()) return "dict";
  if (space() != nullptr) return "Namespace";
  if (loop() != nullptr) return "LoopContext";
  return "function";
}

std::size_t Value::weight() const {
  if (const Text* found = text()) return 1 + found->bytes.size() / kBytesPerNode;
  if (const Sequence* found = sequence()) return found->weight;
  if (const Dict* found = dict()) return found->weight();
  return 1;
}

int Value::depth() const {
  if (const Sequence* found = sequence()) return found->depth;
  if (const Dict* found = dict()) return found->depth();
  return 0;
}

bool Value::same_as(const Value& other) const {
  if (storage_.index() != other.storage_.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        const auto& theirs = std::get<T>(other.storage_);
        if constexpr (std::is_same_v<T, None>) {
          return true;
        } else if constexpr (std::is_same_v<T, Undefined>) {
          return mine.reason == theirs.reason;
        } else if constexpr (std::is_same_v<T, TextPointer>) {
          return mine == theirs || mine->bytes == theirs->bytes;
        } else {
          return mine == theirs;
        }
      },
      storage_);
}

std::string_view Text::slice(std::size_t begin, std::size_t end) const {
  std::string_view whole = bytes;
  if (is_ascii()) return whole.substr(begin, end - begin);
  std::size_t first = byte_offset(whole, begin);
  return whole.substr(first, byte_offset(whole.substr(first), end - begin));
}

void Dict::set(Value key, Value value) {
  weight_ += value.weight();  // where it replaces one, that one's weight stays counted: an upper bound
  depth_ = std::max(depth_, value.depth() + 1);
  if (auto existing = position_of(key)) {
    entries_[*existing].second = std::move(value);
    return;
  }
  weight_ += key.weight();
  depth_ = std::max(depth_, key.depth() + 1);
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() < kIndexFrom) return;
  if (index_.empty()) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  } else {
    index_.emplace(entries_.back().first, entries_.size() - 1);
  }
}

std::optional<std::size_t> Dict::position_of(const Value& key) const {
  if (!index_.empty()) {
    auto found = index_.find(key);
    return found != index_.end() ? std::optional(found->second) : std::nullopt;
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (equals(entries_[i].first, key)) return i;
  }
  return std::nullopt;
}

const Value* Dict::find(const Value& key) const {
  auto position = position_of(key);
  return position ? &entries_[*position].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (!index_.empty()) return find(Value::string(std::string(key)));
  for (const auto& [name, value] : entries_) {
    if (name.is_string() && name.string_or_empty() == key) return &value;
  }
  return nullptr;
}

Value* Namespace::find(std::string_view name) {
  for (auto& [attribute, value] : attributes) {
    if (attribute == name) return &value;
  }
  return nullptr;
}

void Namespace::set(std::string_view name, Value value) {
  if (Value* existing = find(name)) {
    *existing = std::move(value);
  } else {
    attributes.emplace_back(name, std::move(value));
  }
}

}  // namespace nibble::text::jinja
