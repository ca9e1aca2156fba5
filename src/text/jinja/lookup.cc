#include "text/jinja/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "text/jinja/comparison.h"
#include "text/jinja/loop.h"
#include "text/jinja/methods.h"
#include "text/jinja/numbers.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace nibble::text::jinja {
namespace {

// How jinja2 names an object in the message of an undefined attribute.
std::string object_name(const Value& object) {
  if (object.is_none()) return "None";
  return fmt::format("{} object", object.type_name());
}

Value no_attribute(const Value& object, std::string_view name) {
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", object_name(object), name));
}

Result<Value> no_item(Sandbox& sandbox, const Value& object, const Value& key) {
  if (key.is_string()) return no_attribute(object, key.string_or_empty());
  ASSIGN_OR_RETURN(std::string name, repr_of(sandbox, key));
  return Value::undefined(fmt::format("{} has no element {}", object_name(object), name));
}

// index, counted from the end where negative; nullopt outside [0, length).
std::optional<std::size_t> resolve_index(std::int64_t index, std::size_t length) {
  auto signed_length = static_cast<std::int64_t>(length);
  if (index < 0) index += signed_length;
  if (index < 0 || index >= signed_length) return std::nullopt;
  return static_cast<std::size_t>(index);
}

// The item alone, without falling back to attributes; nullopt where Python raises TypeError or LookupError.
Result<std::optional<Value>> plain_item(Sandbox& sandbox, const Value& object, const Value& key) {
  if (const Dict* dict = object.dict()) {
    if (unhashable_type(key)) return std::nullopt;
    const Value* found = dict->find(key);
    return found != nullptr ? std::optional(*found) : std::nullopt;
  }
  auto index = key.integer();
  if (!index) return std::nullopt;
  if (const Text* text = object.text()) {
    auto at = resolve_index(*index, text->length);
    if (!at) return std::nullopt;
    ASSIGN_OR_RETURN(Value character, sandbox.string(text->slice(*at, *at + 1), text->safe));
    return character;
  }
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || !sequence->has_index()) return std::nullopt;
  auto at = resolve_index(*index, sequence->items.size());
  return at ? std::optional(sequence->items[*at]) : std::nullopt;
}

// Python's slice.indices(): where the walk starts and stops.
struct Walk {
  std::int64_t start;
  std::int64_t stop;
  std::int64_t step;
};

Result<std::optional<std::int64_t>> slice_part(const Value& part) {
  if (part.is_none()) return std::nullopt;
  if (auto number = part.integer()) return *number;
  if (auto huge = part.huge_integer()) return std::numeric_limits<std::int64_t>::max();
  return invalid_input("slice indices must be integers or None");
}

Result<Walk> resolve_slice(const Value& start, const Value& stop, const Value& step, std::size_t length) {
  ASSIGN_OR_RETURN(auto given_step, slice_part(step));
  ASSIGN_OR_RETURN(auto given_start, slice_part(start));
  ASSIGN_OR_RETURN(auto given_stop, slice_part(stop));
  std::int64_t stride = given_step.value_or(1);
  if (stride == 0) return invalid_input("slice step cannot be zero");
  auto size = static_cast<std::int64_t>(length);
  std::int64_t lowest = stride < 0 ? -1 : 0;
  std::int64_t highest = stride < 0 ? size - 1 : size;
  auto clip = [&](std::optional<std::int64_t> index, std::int64_t fallback) {
    if (!index) return fallback;
    return std::clamp(*index < 0 ? *index + size : *index, lowest, highest);
  };
  return Walk{clip(given_start, stride < 0 ? highest : lowest), clip(given_stop, stride < 0 ? lowest : highest),
              stride};
}

// The positions of a walk, in order. A stride beyond the length leaves one position, so nothing overflows.
std::vector<std::size_t> positions_of(const Walk& walk) {
  std::vector<std::size_t> positions;
  std::int64_t remaining = walk.step > 0 ? walk.stop - walk.start : walk.start - walk.stop;
  std::uint64_t stride =
      walk.step > 0 ? static_cast<std::uint64_t>(walk.step) : 0 - static_cast<std::uint64_t>(walk.step);
  std::int64_t at = walk.start;
  while (remaining > 0) {
    positions.push_back(static_cast<std::size_t>(at));
    if (stride >= static_cast<std::uint64_t>(remaining)) break;
    remaining -= static_cast<std::int64_t>(stride);
    at += walk.step;
  }
  return positions;
}

Result<Value> slice_string(Sandbox& sandbox, const Text& text, const Walk& walk) {
  if (walk.step == 1) {
    auto begin = static_cast<std::size_t>(walk.start);
    auto end = static_cast<std::size_t>(std::max(walk.start, walk.stop));
    return sandbox.string(text.slice(begin, end), text.safe);
  }
  std::vector<std::size_t> begins;  // of each code point
  begins.reserve(text.length + 1);
  for (std::size_t position = 0; position < text.bytes.size(); next_code_point(text.bytes, position)) {
    begins.push_back(position);
  }
  begins.push_back(text.bytes.size());
  std::string picked;
  for (std::size_t at : positions_of(walk))
    picked += std::string_view(text.bytes).substr(begins[at], begins[at + 1] - begins[at]);
  return sandbox.string(std::move(picked), text.safe);
}

Result<Value> slice_range(Sandbox& sandbox, const RangeBounds& bounds, const Walk& walk) {
  auto at = [&](std::int64_t index) -> std::optional<std::int64_t> {
    auto distance = checked_multiply(index, bounds.step);
    return distance ? checked_add(bounds.start, *distance) : std::nullopt;
  };
  auto start = at(walk.start);
  auto stop = at(walk.stop);
  auto step = checked_multiply(bounds.step, walk.step);
  if (!start || !stop || !step) return invalid_input("the slice of a range goes beyond 64-bit integers");
  return sandbox.range({*start, *stop, *step});
}

Result<std::shared_ptr<const Sequence>> iterate_string(Sandbox& sandbox, const Text& text) {
  std::vector<Value> characters;
  for (std::size_t position = 0; position < text.bytes.size();) {
    std::size_t begin = position;
    next_code_point(text.bytes, position);
    ASSIGN_OR_RETURN(Value character, sandbox.string(std::string_view(text.bytes).substr(begin, position - begin)));
    characters.push_back(std::move(character));
  }
  ASSIGN_OR_RETURN(Value list, sandbox.list(std::move(characters)));
  return list.shared_sequence();
}

Result<std::shared_ptr<const Sequence>> iterate_generator(Sandbox& sandbox, const Sequence& generator) {
  auto begin = generator.items.begin() + static_cast<std::ptrdiff_t>(generator.consumed);
  generator.consumed = generator.items.size();
  ASSIGN_OR_RETURN(Value rest, sandbox.list({begin, generator.items.end()}));
  return rest.shared_sequence();
}

}  // namespace

Status check_hashable(const Value& key) {
  if (auto type = unhashable_type(key)) return invalid_input(fmt::format("unhashable type: '{}'", *type));
  return {};
}

Result<std::optional<Value>> python_attribute_of(Sandbox& sandbox, const Value& object, std::string_view name) {
  if (Namespace* space = object.space()) {
    const Value* found = space->find(name);
    return found != nullptr ? std::optional(*found) : std::nullopt;
  }
  if (auto loop = object.shared_loop()) {
    ASSIGN_OR_RETURN(Value found, Loop::attribute(loop, name));
    return found;
  }
  return bind_method(sandbox, object, name);
}

Result<Value> attribute_of(Sandbox& sandbox, const Value& object, std::string_view name) {
  if (const Undefined* undefined = object.undefined()) return undefined_error(*undefined);
  ASSIGN_OR_RETURN(auto attribute, python_attribute_of(sandbox, object, name));
  if (attribute) return *std::move(attribute);
  if (const Dict* dict = object.dict()) {
    if (const Value* found = dict->find(name)) return *found;
  }
  return no_attribute(object, name);
}

Result<Value> item_of(Sandbox& sandbox, const Value& object, const Value& key) {
  if (const Undefined* undefined = object.undefined()) return undefined_error(*undefined);
  ASSIGN_OR_RETURN(auto item, plain_item(sandbox, object, key));
  if (item) return *std::move(item);
  if (key.is_string()) {
    ASSIGN_OR_RETURN(auto attribute, python_attribute_of(sandbox, object, key.string_or_empty()));
    if (attribute) return *std::move(attribute);
  }
  return no_item(sandbox, object, key);
}

Result<Value> attribute_path(Sandbox& sandbox, const Value& object, const Value& path) {
  if (!path.is_string()) return item_of(sandbox, object, path);
  Value value = object;
  std::string_view rest = path.string_or_empty();
  while (true) {
    std::size_t dot = std::min(rest.find('.'), rest.size());
    std::string_view part = rest.substr(0, dot);
    bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    Value key = Value::string(std::string(part));
    if (number) {
      ASSIGN_OR_RETURN(auto index, parse_integer(part, 10));
      key = Value(index.value_or(0));
    }
    ASSIGN_OR_RETURN(value, item_of(sandbox, value, key));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

Result<Value> slice_of(Sandbox& sandbox, const Value& object, const Value& start, const Value& stop,
                       const Value& step) {
  if (const Undefined* undefined = object.undefined()) return undefined_error(*undefined);
  if (const Text* text = object.text()) {
    ASSIGN_OR_RETURN(Walk walk, resolve_slice(start, stop, step, text->length));
    return slice_string(sandbox, *text, walk);
  }
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || !sequence->has_index()) {
    return invalid_input(fmt::format("a {} cannot be sliced", object.type_name()));
  }
  ASSIGN_OR_RETURN(Walk walk, resolve_slice(start, stop, step, sequence->items.size()));
  if (sequence->kind == SequenceKind::kRange) return slice_range(sandbox, sequence->bounds, walk);
  std::vector<Value> picked;
  for (std::size_t position : positions_of(walk)) picked.push_back(sequence->items[position]);
  return sandbox.sequence(sequence->kind, std::move(picked));
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.sequence() != nullptr || value.is_dict();
}

Result<std::shared_ptr<const Sequence>> iterate(Sandbox& sandbox, const Value& value) {
  if (const Text* text = value.text()) return iterate_string(sandbox, *text);
  if (auto sequence = value.shared_sequence()) {
    RETURN_IF_ERROR(sandbox.step(sequence->items.size()));
    if (sequence->kind == SequenceKind::kGenerator) return iterate_generator(sandbox, *sequence);
    return sequence;
  }
  std::vector<Value> keys;
  if (const Dict* dict = value.dict()) {
    for (const auto& entry : dict->entries()) keys.push_back(entry.first);
  } else if (!value.is_undefined()) {
    return invalid_input(fmt::format("'{}' object is not iterable", value.type_name()));
  }
  ASSIGN_OR_RETURN(Value list, sandbox.list(std::move(keys)));
  return list.shared_sequence();
}

Result<std::int64_t> length_of(const Value& value) {
  if (const Text* text = value.text()) return static_cast<std::int64_t>(text->length);
  if (const Dict* dict = value.dict()) return static_cast<std::int64_t>(dict->size());
  if (value.is_undefined()) return 0;
  if (Loop* loop = value.loop()) return loop->length();
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || !sequence->has_length()) {
    return invalid_input(fmt::format("object of type '{}' has no len()", value.type_name()));
  }
  return static_cast<std::int64_t>(sequence->items.size());
}

Result<bool> contains(Sandbox& sandbox, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    if (!item.is_string()) {
      return invalid_input(fmt::format("'in <string>' requires string as left operand, not {}", item.type_name()));
    }
    return find_bytes(text->bytes, item.string_or_empty(), 0) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) {
    RETURN_IF_ERROR(check_hashable(item));
    return dict->find(item) != nullptr;
  }
  if (container.sequence() == nullptr && !container.is_undefined()) {
    return invalid_input(fmt::format("argument of type '{}' is not iterable", container.type_name()));
  }
  ASSIGN_OR_RETURN(auto items, iterate(sandbox, container));
  return std::ranges::any_of(items->items, [&](const Value& other) { return equals(other, item); });
}

}  // namespace nibble::text::jinja
