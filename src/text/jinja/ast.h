// A parsed template. Immutable: renderings on several threads share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/operators.h"
#include "text/jinja/value.h"

namespace nibble::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct ConstantNode {
  Value value;
};

struct NameNode {
  std::string name;
};

struct AttributeNode {
  ExpressionPtr object;
  std::string name;
};

struct SubscriptNode {
  ExpressionPtr object;
  ExpressionPtr key;
};

struct SliceNode {  // a part that is absent is null
  ExpressionPtr object;
  ExpressionPtr start;
  ExpressionPtr stop;
  ExpressionPtr step;
};

struct ArgumentNodes {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr unpacked_positional;  // *expression, or null
  ExpressionPtr unpacked_named;       // **expression, or null
};

struct CallNode {
  ExpressionPtr callee;
  ArgumentNodes arguments;
};

struct FilterNode {
  ExpressionPtr input;
  std::string name;
  ArgumentNodes arguments;
};

// The text of the block that a filter block or a block set filters.
struct BlockTextNode {};

struct TestNode {
  ExpressionPtr input;
  std::string name;
  ArgumentNodes arguments;
};

enum class UnaryOperator : std::uint8_t { kNot, kMinus, kPlus };

struct UnaryNode {
  UnaryOperator operation;
  ExpressionPtr operand;
};

struct ArithmeticNode {
  Arithmetic operation;
  ExpressionPtr left;
  ExpressionPtr right;
};

enum class Logic : std::uint8_t { kAnd, kOr };

struct LogicNode {
  Logic operation;
  ExpressionPtr left;
  ExpressionPtr right;
};

enum class Comparison : std::uint8_t { kEqual, kUnequal, kLess, kAtMost, kGreater, kAtLeast, kIn, kNotIn };

struct ComparisonNode {  // a < b <= c compares each pair, until one fails
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};

struct ConcatenationNode {
  std::vector<ExpressionPtr> parts;
};

struct ConditionalNode {
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;  // null: undefined
};

struct SequenceNode {
  SequenceKind kind;  // a list or a tuple
  std::vector<ExpressionPtr> items;
};

struct DictNode {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

struct Expression {
  using Node = std::variant<ConstantNode, NameNode, AttributeNode, SubscriptNode, SliceNode, CallNode, FilterNode,
                            BlockTextNode, TestNode, UnaryNode, ArithmeticNode, LogicNode, ComparisonNode,
                            ConcatenationNode, ConditionalNode, SequenceNode, DictNode>;
  int line;
  int height;  // of the tree below: the parser keeps it small, so that walks and destructors may recurse
  Node node;
};

struct Statement;
using Body = std::vector<Statement>;

// What "set" and "for" assign to.
struct Target {
  struct Attribute {  // of a namespace
    std::string object;
    std::string name;
  };
  std::variant<std::string, Attribute, std::vector<Target>> form;
};

struct TextNode {
  std::string text;
};

struct OutputNode {
  ExpressionPtr value;
};

struct IfNode {
  struct Branch {
    ExpressionPtr condition;
    Body body;
  };
  std::vector<Branch> branches;
  Body otherwise;
};

struct ForNode {
  Target target;
  ExpressionPtr items;
  ExpressionPtr filter;  // or null
  Body body;
  Body otherwise;
};

struct SetNode {
  Target target;
  ExpressionPtr value;
};

struct SetBlockNode {
  Target target;
  ExpressionPtr value;  // filters around a BlockTextNode
  Body body;
};

struct MacroNode {
  struct Parameter {
    std::string name;
    ExpressionPtr fallback;  // or null
  };
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct CallBlockNode {  // {% call(parameters) callee(arguments) %}body{% endcall %}
  MacroNode caller;
  ExpressionPtr call;  // a CallNode
};

struct FilterBlockNode {
  ExpressionPtr value;  // filters around a BlockTextNode
  Body body;
};

struct WithNode {
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Body body;
};

enum class LoopControl : std::uint8_t { kBreak, kContinue };

struct Statement {
  using Node = std::variant<TextNode, OutputNode, IfNode, ForNode, SetNode, SetBlockNode, MacroNode, CallBlockNode,
                            FilterBlockNode, WithNode, LoopControl>;
  int line;
  Node node;
};

}  // namespace nibble::text::jinja
