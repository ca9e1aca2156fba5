#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <memory_resource>
#include <unordered_set>
#include <utility>
#include <vector>

namespace nibble {

struct JsonNode {
  JsonKind kind = JsonKind::kNull;
  std::string_view key;  // of a member of an object
  std::string_view string;
  union {
    bool boolean;
    std::int64_t integer = 0;
    std::uint64_t unsigned_integer;
    double number;
  };
  const JsonNode* children = nullptr;
  std::size_t child_count = 0;
};

// Nodes and strings live in one arena: a header of 124,000 tensors is a million small pieces.
struct JsonDocument::Storage {
  std::pmr::monotonic_buffer_resource arena{std::size_t{1} << 16};
  JsonNode root;
};

namespace {

// Receives boost's parse events and builds the tree: finished siblings wait on a stack until their parent closes.
class TreeBuilder {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::size_t{1} << 30;
  static constexpr std::size_t max_string_size = std::size_t{1} << 30;

  explicit TreeBuilder(std::pmr::monotonic_buffer_resource& arena) : arena_(arena) {}

  JsonNode take_root() { return pending_.back(); }
  const std::string& duplicate_key() const { return duplicate_key_; }

  using error_code = boost::json::error_code;
  using string_view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(); }
  bool on_array_begin(error_code&) { return open(); }
  bool on_object_end(std::size_t count, error_code& error) {
    if (has_duplicate_keys(count)) {
      error = boost::json::error::incomplete;  // any code: parse() reports duplicate_key() first
      return false;
    }
    return close(JsonKind::kObject, count);
  }
  bool on_array_end(std::size_t count, error_code&) { return close(JsonKind::kArray, count); }

  bool on_key_part(string_view part, std::size_t, error_code&) { return collect(part); }
  bool on_key(string_view part, std::size_t, error_code&) {
    collect(part);
    keys_.back() = store(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) { return collect(part); }
  bool on_string(string_view part, std::size_t, error_code&) {
    collect(part);
    JsonNode& node = add(JsonKind::kString);
    node.string = store(text_);
    text_.clear();
    return true;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, string_view, error_code&) {
    add(JsonKind::kInteger).integer = value;
    return true;
  }
  bool on_uint64(std::uint64_t value, string_view, error_code&) {
    add(JsonKind::kUnsigned).unsigned_integer = value;
    return true;
  }
  bool on_double(double value, string_view, error_code&) {
    add(JsonKind::kDouble).number = value;
    return true;
  }
  bool on_bool(bool value, error_code&) {
    add(JsonKind::kBool).boolean = value;
    return true;
  }
  bool on_null(error_code&) {
    add(JsonKind::kNull);
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool open() {
    keys_.emplace_back();
    return true;
  }

  JsonNode& add(JsonKind kind) {
    JsonNode& node = pending_.emplace_back();
    node.kind = kind;
    if (!keys_.empty()) node.key = keys_.back();
    return node;
  }

  bool close(JsonKind kind, std::size_t count) {
    keys_.pop_back();
    auto* children = static_cast<JsonNode*>(arena_.allocate(count * sizeof(JsonNode) + 1, alignof(JsonNode)));
    std::uninitialized_copy(pending_.end() - static_cast<std::ptrdiff_t>(count), pending_.end(), children);
    pending_.resize(pending_.size() - count);
    JsonNode& node = add(kind);
    node.children = children;
    node.child_count = count;
    return true;
  }

  bool has_duplicate_keys(std::size_t count) {
    std::unordered_set<std::string_view> seen;
    seen.reserve(count);
    for (auto node = pending_.end() - static_cast<std::ptrdiff_t>(count); node != pending_.end(); ++node) {
      if (!seen.insert(node->key).second) {
        duplicate_key_ = node->key;
        return true;
      }
    }
    return false;
  }

  bool collect(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  std::string_view store(const std::string& text) {
    auto* copy = static_cast<char*>(arena_.allocate(text.size() + 1, 1));
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
  }

  std::pmr::monotonic_buffer_resource& arena_;
  std::vector<JsonNode> pending_;
  std::vector<std::string_view> keys_;  // the current key of each open object; empty entries for arrays
  std::string text_;
  std::string duplicate_key_;
};

std::string found(JsonView view) {
  return view.exists() ? std::string(json_kind_name(view.kind())) : std::string("nothing");
}

std::unexpected<Error> wrong_kind(std::string_view key, std::string_view expected, JsonView view) {
  return invalid_input(fmt::format("'{}': expected {}, found {}", key, expected, found(view)));
}

}  // namespace

std::string_view json_kind_name(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull: return "null";
    case JsonKind::kBool: return "a boolean";
    case JsonKind::kInteger:
    case JsonKind::kUnsigned: return "an integer";
    case JsonKind::kDouble: return "a number with a fraction or exponent";
    case JsonKind::kString: return "a string";
    case JsonKind::kArray: return "an array";
    case JsonKind::kObject: return "an object";
  }
  return "an unknown kind";
}

JsonKind JsonView::kind() const { return node_ ? node_->kind : JsonKind::kNull; }

std::optional<bool> JsonView::as_bool() const {
  if (kind() != JsonKind::kBool) return std::nullopt;
  return node_->boolean;
}

std::optional<std::int64_t> JsonView::as_integer() const {
  if (kind() != JsonKind::kInteger) return std::nullopt;
  return node_->integer;
}

std::optional<std::uint64_t> JsonView::as_unsigned() const {
  if (kind() == JsonKind::kUnsigned) return node_->unsigned_integer;
  if (kind() == JsonKind::kInteger && node_->integer >= 0) return static_cast<std::uint64_t>(node_->integer);
  return std::nullopt;
}

std::optional<double> JsonView::as_double() const {
  switch (kind()) {
    case JsonKind::kInteger: return static_cast<double>(node_->integer);
    case JsonKind::kUnsigned: return static_cast<double>(node_->unsigned_integer);
    case JsonKind::kDouble: return node_->number;
    default: return std::nullopt;
  }
}

std::optional<std::string_view> JsonView::as_string() const {
  if (kind() != JsonKind::kString) return std::nullopt;
  return node_->string;
}

std::size_t JsonView::size() const { return node_ ? node_->child_count : 0; }

JsonView JsonView::element(std::size_t index) const {
  return index < size() ? JsonView(node_->children + index) : JsonView();
}

std::string_view JsonView::key(std::size_t index) const {
  return index < size() ? node_->children[index].key : std::string_view();
}

JsonView JsonView::find(std::string_view key) const {
  if (!is_object()) return {};
  for (std::size_t i = 0; i < node_->child_count; ++i) {
    if (node_->children[i].key == key) return JsonView(node_->children + i);
  }
  return {};
}

JsonDocument::JsonDocument(std::unique_ptr<Storage> storage) : storage_(std::move(storage)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;
JsonView JsonDocument::root() const { return JsonView(&storage_->root); }

Result<JsonDocument> JsonDocument::parse(std::string_view text, JsonLimits limits) {
  auto storage = std::make_unique<Storage>();
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::basic_parser<TreeBuilder> parser(options, storage->arena);
  boost::json::error_code error;
  std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  if (!parser.handler().duplicate_key().empty()) {
    return invalid_input(fmt::format("not valid JSON: the key '{}' stands twice in one object, before byte {}",
                                     parser.handler().duplicate_key(), consumed));
  }
  if (error == boost::json::error::too_deep) {
    return invalid_input(fmt::format("JSON nested deeper than {} levels", limits.max_depth));
  }
  if (!error && consumed < text.size()) error = boost::json::error::extra_data;
  if (error) return invalid_input(fmt::format("not valid JSON: {} at byte {}", error.message(), consumed));
  storage->root = parser.handler().take_root();
  return JsonDocument(std::move(storage));
}

Result<std::int64_t> required_integer(JsonView object, std::string_view key, std::int64_t minimum,
                                      std::int64_t maximum) {
  JsonView member = object.find(key);
  std::optional<std::int64_t> value = member.as_integer();
  if (!value) return wrong_kind(key, fmt::format("an integer from {} to {}", minimum, maximum), member);
  if (*value < minimum || *value > maximum) {
    return invalid_input(
        fmt::format("'{}': expected an integer from {} to {}, found {}", key, minimum, maximum, *value));
  }
  return *value;
}

Result<double> required_number(JsonView object, std::string_view key) {
  JsonView member = object.find(key);
  std::optional<double> value = member.as_double();
  if (!value) return wrong_kind(key, "a number", member);
  return *value;
}

Result<std::string> required_string(JsonView object, std::string_view key) {
  JsonView member = object.find(key);
  std::optional<std::string_view> value = member.as_string();
  if (!value) return wrong_kind(key, "a string", member);
  return std::string(*value);
}

Result<std::int64_t> optional_integer(JsonView object, std::string_view key, std::int64_t fallback,
                                      std::int64_t minimum, std::int64_t maximum) {
  if (!object.find(key).given()) return fallback;
  return required_integer(object, key, minimum, maximum);
}

Result<double> optional_number(JsonView object, std::string_view key, double fallback) {
  if (!object.find(key).given()) return fallback;
  return required_number(object, key);
}

Result<bool> optional_bool(JsonView object, std::string_view key, bool fallback) {
  JsonView member = object.find(key);
  if (!member.given()) return fallback;
  std::optional<bool> value = member.as_bool();
  if (!value) return wrong_kind(key, "true or false", member);
  return *value;
}

Result<std::string> optional_string(JsonView object, std::string_view key, std::string_view fallback) {
  if (!object.find(key).given()) return std::string(fallback);
  return required_string(object, key);
}

}  // namespace nibble
