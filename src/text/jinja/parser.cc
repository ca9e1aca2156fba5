#include "text/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace nibble::text::jinja {
namespace {

int height_of(const ExpressionPtr& expression) { return expression != nullptr ? expression->height : 0; }

int height_of(const std::vector<ExpressionPtr>& expressions) {
  int height = 0;
  for (const ExpressionPtr& expression : expressions) height = std::max(height, height_of(expression));
  return height;
}

int height_of(const ArgumentNodes& arguments) {
  int height = std::max(
      {height_of(arguments.positional), height_of(arguments.unpacked_positional), height_of(arguments.unpacked_named)});
  for (const auto& [name, value] : arguments.named) height = std::max(height, height_of(value));
  return height;
}

int below(const ConstantNode&) { return 0; }
int below(const NameNode&) { return 0; }
int below(const BlockTextNode&) { return 0; }
int below(const AttributeNode& node) { return height_of(node.object); }
int below(const SubscriptNode& node) { return std::max(height_of(node.object), height_of(node.key)); }
int below(const SliceNode& node) {
  return std::max({height_of(node.object), height_of(node.start), height_of(node.stop), height_of(node.step)});
}
int below(const CallNode& node) { return std::max(height_of(node.callee), height_of(node.arguments)); }
int below(const FilterNode& node) { return std::max(height_of(node.input), height_of(node.arguments)); }
int below(const TestNode& node) { return std::max(height_of(node.input), height_of(node.arguments)); }
int below(const UnaryNode& node) { return height_of(node.operand); }
int below(const ArithmeticNode& node) { return std::max(height_of(node.left), height_of(node.right)); }
int below(const LogicNode& node) { return std::max(height_of(node.left), height_of(node.right)); }
int below(const ComparisonNode& node) {
  int height = height_of(node.first);
  for (const auto& [operation, operand] : node.rest) height = std::max(height, height_of(operand));
  return height;
}
int below(const ConcatenationNode& node) { return height_of(node.parts); }
int below(const ConditionalNode& node) {
  return std::max({height_of(node.condition), height_of(node.then), height_of(node.otherwise)});
}
int below(const SequenceNode& node) { return height_of(node.items); }
int below(const DictNode& node) {
  int height = 0;
  for (const auto& [key, value] : node.entries) height = std::max({height, height_of(key), height_of(value)});
  return height;
}

template <typename Operation>
struct Symbol {
  std::string_view text;
  Operation operation;
};

constexpr auto kComparisons = std::to_array<Symbol<Comparison>>({{"==", Comparison::kEqual},
                                                                 {"!=", Comparison::kUnequal},
                                                                 {"<", Comparison::kLess},
                                                                 {"<=", Comparison::kAtMost},
                                                                 {">", Comparison::kGreater},
                                                                 {">=", Comparison::kAtLeast}});
constexpr auto kSums = std::to_array<Symbol<Arithmetic>>({{"+", Arithmetic::kAdd}, {"-", Arithmetic::kSubtract}});
constexpr auto kProducts = std::to_array<Symbol<Arithmetic>>({{"*", Arithmetic::kMultiply},
                                                              {"/", Arithmetic::kDivide},
                                                              {"//", Arithmetic::kFloorDivide},
                                                              {"%", Arithmetic::kModulo}});

template <typename Table>
auto find_symbol(const Table& table, const Token& token) -> std::optional<decltype(table[0].operation)> {
  if (token.kind != TokenKind::kOperator) return std::nullopt;
  for (const auto& symbol : table) {
    if (symbol.text == token.text) return symbol.operation;
  }
  return std::nullopt;
}

}  // namespace

Result<ExpressionPtr> Parser::make(Expression::Node node) const {
  int height = 1 + std::visit([](const auto& inner) { return below(inner); }, node);
  if (height > kMostNesting) {
    return invalid_input(
        fmt::format("an expression of more than {} operators in each other or in a row", kMostNesting));
  }
  return std::make_unique<const Expression>(Expression{current().line, height, std::move(node)});
}

bool Parser::at_tuple_end() const {
  return at(TokenKind::kVariableEnd) || at(TokenKind::kBlockEnd) || at_operator(")");
}

Result<ExpressionPtr> Parser::parse_tuple(Conditionals conditionals) {
  if (at_tuple_end()) return unexpected();
  ASSIGN_OR_RETURN(ExpressionPtr first, parse_expression(conditionals));
  if (!at_operator(",")) return first;
  SequenceNode tuple{SequenceKind::kTuple, {}};
  tuple.items.push_back(std::move(first));
  while (skip_operator(",")) {
    if (at_tuple_end() || at_name("recursive")) break;
    ASSIGN_OR_RETURN(ExpressionPtr item, parse_expression(conditionals));
    tuple.items.push_back(std::move(item));
  }
  return make(std::move(tuple));
}

Result<ExpressionPtr> Parser::parse_expression(Conditionals conditionals) {
  Level level(*this);
  RETURN_IF_ERROR(level.check());
  return conditionals == Conditionals::kAllowed ? parse_conditional() : parse_or();
}

Result<ExpressionPtr> Parser::parse_conditional() {
  ASSIGN_OR_RETURN(ExpressionPtr expression, parse_or());
  while (skip_name("if")) {
    ASSIGN_OR_RETURN(ExpressionPtr condition, parse_or());
    ExpressionPtr otherwise;
    if (skip_name("else")) {
      ASSIGN_OR_RETURN(otherwise, parse_expression());
    }
    ASSIGN_OR_RETURN(expression,
                     make(ConditionalNode{std::move(condition), std::move(expression), std::move(otherwise)}));
  }
  return expression;
}

Result<ExpressionPtr> Parser::parse_or() {
  ASSIGN_OR_RETURN(ExpressionPtr left, parse_and());
  while (skip_name("or")) {
    ASSIGN_OR_RETURN(ExpressionPtr right, parse_and());
    ASSIGN_OR_RETURN(left, make(LogicNode{Logic::kOr, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> Parser::parse_and() {
  ASSIGN_OR_RETURN(ExpressionPtr left, parse_not());
  while (skip_name("and")) {
    ASSIGN_OR_RETURN(ExpressionPtr right, parse_not());
    ASSIGN_OR_RETURN(left, make(LogicNode{Logic::kAnd, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> Parser::parse_not() {
  if (!skip_name("not")) return parse_comparison();
  Level level(*this);
  RETURN_IF_ERROR(level.check());
  ASSIGN_OR_RETURN(ExpressionPtr operand, parse_not());
  return make(UnaryNode{UnaryOperator::kNot, std::move(operand)});
}

Result<ExpressionPtr> Parser::parse_comparison() {
  ASSIGN_OR_RETURN(ExpressionPtr first, parse_sum());
  ComparisonNode comparison;
  while (true) {
    std::optional<Comparison> operation = find_symbol(kComparisons, current());
    if (at_name("in")) operation = Comparison::kIn;
    if (at_name("not") && ahead().kind == TokenKind::kName && ahead().text == "in") {
      take();
      operation = Comparison::kNotIn;
    }
    if (!operation) break;
    take();
    ASSIGN_OR_RETURN(ExpressionPtr operand, parse_sum());
    comparison.rest.emplace_back(*operation, std::move(operand));
  }
  if (comparison.rest.empty()) return first;
  comparison.first = std::move(first);
  return make(std::move(comparison));
}

Result<ExpressionPtr> Parser::parse_sum() {
  ASSIGN_OR_RETURN(ExpressionPtr left, parse_concatenation());
  while (auto operation = find_symbol(kSums, current())) {
    take();
    ASSIGN_OR_RETURN(ExpressionPtr right, parse_concatenation());
    ASSIGN_OR_RETURN(left, make(ArithmeticNode{*operation, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> Parser::parse_concatenation() {
  ASSIGN_OR_RETURN(ExpressionPtr first, parse_product());
  if (!at_operator("~")) return first;
  ConcatenationNode concatenation;
  concatenation.parts.push_back(std::move(first));
  while (skip_operator("~")) {
    ASSIGN_OR_RETURN(ExpressionPtr part, parse_product());
    concatenation.parts.push_back(std::move(part));
  }
  return make(std::move(concatenation));
}

Result<ExpressionPtr> Parser::parse_product() {
  ASSIGN_OR_RETURN(ExpressionPtr left, parse_power());
  while (auto operation = find_symbol(kProducts, current())) {
    take();
    ASSIGN_OR_RETURN(ExpressionPtr right, parse_power());
    ASSIGN_OR_RETURN(left, make(ArithmeticNode{*operation, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> Parser::parse_power() {
  ASSIGN_OR_RETURN(ExpressionPtr left, parse_unary(true));
  while (skip_operator("**")) {  // to the left, unlike Python
    ASSIGN_OR_RETURN(ExpressionPtr right, parse_unary(true));
    ASSIGN_OR_RETURN(left, make(ArithmeticNode{Arithmetic::kPower, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> Parser::parse_unary(bool with_filters) {
  ExpressionPtr expression;
  if (at_operator("-") || at_operator("+")) {
    Level level(*this);
    RETURN_IF_ERROR(level.check());
    UnaryOperator operation = take().text == "-" ? UnaryOperator::kMinus : UnaryOperator::kPlus;
    ASSIGN_OR_RETURN(ExpressionPtr operand, parse_unary(false));
    ASSIGN_OR_RETURN(expression, make(UnaryNode{operation, std::move(operand)}));
  } else {
    ASSIGN_OR_RETURN(expression, parse_primary());
  }
  ASSIGN_OR_RETURN(expression, parse_postfix(std::move(expression)));
  return with_filters ? parse_filters_and_tests(std::move(expression)) : Result<ExpressionPtr>(std::move(expression));
}

Result<ExpressionPtr> Parser::parse_primary() {
  const Token& token = current();
  switch (token.kind) {
    case TokenKind::kName: {
      take();
      if (token.text == "true" || token.text == "True") return make(ConstantNode{Value(true)});
      if (token.text == "false" || token.text == "False") return make(ConstantNode{Value(false)});
      if (token.text == "none" || token.text == "None") return make(ConstantNode{Value()});
      for (MacroNode* macro : open_macros_) {
        macro->uses_varargs |= token.text == "varargs";
        macro->uses_kwargs |= token.text == "kwargs";
        macro->uses_caller |= token.text == "caller";
      }
      return make(NameNode{token.text});
    }
    case TokenKind::kString: {
      std::string text;
      while (at(TokenKind::kString)) text += take().text;
      return make(ConstantNode{Value::string(std::move(text))});
    }
    case TokenKind::kInteger: take(); return make(ConstantNode{Value(token.integer)});
    case TokenKind::kFloat: take(); return make(ConstantNode{Value(token.real)});
    default: break;
  }
  if (at_operator("(")) return parse_parenthesized();
  if (at_operator("[")) return parse_list();
  if (at_operator("{")) return parse_dict();
  return unexpected();
}

Result<ExpressionPtr> Parser::parse_parenthesized() {
  take();
  if (skip_operator(")")) return make(SequenceNode{SequenceKind::kTuple, {}});
  ASSIGN_OR_RETURN(ExpressionPtr expression, parse_tuple());
  RETURN_IF_ERROR(expect_operator(")"));
  return expression;
}

Result<ExpressionPtr> Parser::parse_list() {
  take();
  SequenceNode list{SequenceKind::kList, {}};
  while (!at_operator("]")) {
    if (!list.items.empty()) {
      RETURN_IF_ERROR(expect_operator(","));
      if (at_operator("]")) break;
    }
    ASSIGN_OR_RETURN(ExpressionPtr item, parse_expression());
    list.items.push_back(std::move(item));
  }
  RETURN_IF_ERROR(expect_operator("]"));
  return make(std::move(list));
}

Result<ExpressionPtr> Parser::parse_dict() {
  take();
  DictNode dict;
  while (!at_operator("}")) {
    if (!dict.entries.empty()) {
      RETURN_IF_ERROR(expect_operator(","));
      if (at_operator("}")) break;
    }
    ASSIGN_OR_RETURN(ExpressionPtr key, parse_expression());
    RETURN_IF_ERROR(expect_operator(":"));
    ASSIGN_OR_RETURN(ExpressionPtr value, parse_expression());
    dict.entries.emplace_back(std::move(key), std::move(value));
  }
  RETURN_IF_ERROR(expect_operator("}"));
  return make(std::move(dict));
}

}  // namespace nibble::text::jinja
