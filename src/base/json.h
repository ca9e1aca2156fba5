// The JSON door: the one place through which JSON enters and leaves nibble.
//
// A JsonDocument is an immutable tree with members in the order of the text. Duplicate keys, trailing text, invalid
// UTF-8, NaN and nesting deeper than the limit are errors, because a file that has them means different things to
// different readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble {

enum class JsonKind : std::uint8_t { kNull, kBool, kInteger, kUnsigned, kDouble, kString, kArray, kObject };

std::string_view json_kind_name(JsonKind kind);

struct JsonNode;  // private layout, json.cc

// A position in a JsonDocument, cheap to copy, valid as long as the document. A view may be absent (what find() returns
// for a missing key): exists() is then false and every as_…() gives nullopt.
class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(const JsonNode* node) : node_(node) {}

  bool exists() const { return node_ != nullptr; }
  JsonKind kind() const;  // kNull where absent
  bool is_null() const { return kind() == JsonKind::kNull; }
  bool given() const { return !is_null(); }  // there, and not null
  bool is_object() const { return kind() == JsonKind::kObject; }
  bool is_array() const { return kind() == JsonKind::kArray; }
  bool is_string() const { return kind() == JsonKind::kString; }

  std::optional<bool> as_bool() const;
  // Integers only: 3.0 is not an integer. kUnsigned holds what exceeds int64.
  std::optional<std::int64_t> as_integer() const;
  std::optional<std::uint64_t> as_unsigned() const;
  std::optional<double> as_double() const;  // any number
  std::optional<std::string_view> as_string() const;

  // Arrays and objects: number of elements or members, 0 for others. key(i) is for objects.
  std::size_t size() const;
  JsonView element(std::size_t index) const;
  std::string_view key(std::size_t index) const;
  // Member by name, absent where there is none. Linear: iterate a large object instead of searching it repeatedly.
  JsonView find(std::string_view key) const;

 private:
  const JsonNode* node_ = nullptr;
};

struct JsonLimits {
  std::size_t max_depth = 64;
};

class JsonDocument {
 public:
  // The document keeps no reference to text.
  static Result<JsonDocument> parse(std::string_view text, JsonLimits limits = {});

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonView root() const;

 private:
  struct Storage;
  explicit JsonDocument(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage_;
};

// Members of an object with their type and range checked; the error names key, expectation and finding.
Result<std::int64_t> required_integer(JsonView object, std::string_view key, std::int64_t minimum,
                                      std::int64_t maximum);
Result<double> required_number(JsonView object, std::string_view key);
Result<std::string> required_string(JsonView object, std::string_view key);
// Absent or null gives the fallback; a wrong type is still an error.
Result<std::int64_t> optional_integer(JsonView object, std::string_view key, std::int64_t fallback,
                                      std::int64_t minimum, std::int64_t maximum);
Result<double> optional_number(JsonView object, std::string_view key, double fallback);
Result<bool> optional_bool(JsonView object, std::string_view key, bool fallback);
Result<std::string> optional_string(JsonView object, std::string_view key, std::string_view fallback);

}  // namespace nibble
