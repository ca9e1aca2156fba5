// Attributes, items, slices, lengths, membership and iteration.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "text/jinja/sandbox.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

// object.name: methods first, then items, as jinja2's getattr does; undefined where there is neither.
Result<Value> attribute_of(Sandbox& sandbox, const Value& object, std::string_view name);
// object[key]: items first, then methods.
Result<Value> item_of(Sandbox& sandbox, const Value& object, const Value& key);
// Only what Python calls attributes: methods, and those of namespaces and loops. nullopt where there is none.
Result<std::optional<Value>> python_attribute_of(Sandbox& sandbox, const Value& object, std::string_view name);

// What filters take as "attribute": a number, or names and numbers joined by dots, looked up as items.
Result<Value> attribute_path(Sandbox& sandbox, const Value& object, const Value& path);

// object[start:stop:step] of strings, lists, tuples and ranges. None stands for a part that is absent.
Result<Value> slice_of(Sandbox& sandbox, const Value& object, const Value& start, const Value& stop, const Value& step);

// What "for" visits: items, code points, keys. Takes the rest of a generator.
Result<std::shared_ptr<const Sequence>> iterate(Sandbox& sandbox, const Value& value);
// Python's iter(value) would succeed.
bool is_iterable(const Value& value);

Result<std::int64_t> length_of(const Value& value);

// item in container
Result<bool> contains(Sandbox& sandbox, const Value& container, const Value& item);

// The error for a key that cannot be one; nothing where it can.
Status check_hashable(const Value& key);

}  // namespace nibble::text::jinja
