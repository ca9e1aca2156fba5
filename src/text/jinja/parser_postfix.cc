// What stands behind an operand: attributes, subscripts, calls, filters and tests (parser.h).
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/parser.h"

namespace nibble::text::jinja {

Result<ExpressionPtr> Parser::parse_postfix(ExpressionPtr expression) {
  while (true) {
    if (at_operator(".")) {
      ASSIGN_OR_RETURN(expression, parse_dot(std::move(expression)));
    } else if (at_operator("[")) {
      ASSIGN_OR_RETURN(expression, parse_subscript(std::move(expression)));
    } else if (at_operator("(")) {
      ASSIGN_OR_RETURN(expression, parse_call(std::move(expression)));
    } else {
      return expression;
    }
  }
}

Result<ExpressionPtr> Parser::parse_filters_and_tests(ExpressionPtr expression) {
  while (true) {
    if (skip_operator("|")) {
      ASSIGN_OR_RETURN(expression, parse_filter(std::move(expression)));
    } else if (at_name("is")) {
      ASSIGN_OR_RETURN(expression, parse_test(std::move(expression)));
    } else if (at_operator("(")) {
      ASSIGN_OR_RETURN(expression, parse_call(std::move(expression)));
    } else {
      return expression;
    }
  }
}

Result<ExpressionPtr> Parser::parse_dot(ExpressionPtr object) {
  take();
  if (at(TokenKind::kName)) return make(AttributeNode{std::move(object), take().text});
  if (!at(TokenKind::kInteger)) return unexpected();
  ASSIGN_OR_RETURN(ExpressionPtr key, make(ConstantNode{Value(take().integer)}));
  return make(SubscriptNode{std::move(object), std::move(key)});
}

Result<ExpressionPtr> Parser::parse_subscript(ExpressionPtr object) {
  take();
  // Up to three expressions with colons between them; any may be absent.
  ExpressionPtr parts[3];
  std::size_t colons = 0;
  while (true) {
    if (!at_operator(":") && !at_operator("]") && !at_operator(",")) {
      ASSIGN_OR_RETURN(parts[colons], parse_expression());
    }
    if (colons == 2 || !skip_operator(":")) break;
    ++colons;
  }
  if (colons > 0) {
    if (at_operator(",")) return fail(ErrorCode::kUnsupported, "a slice within a tuple of subscripts");
    RETURN_IF_ERROR(expect_operator("]"));
    return make(SliceNode{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])});
  }
  if (at_operator(",") || parts[0] == nullptr) {
    SequenceNode keys{SequenceKind::kTuple, {}};
    if (parts[0] != nullptr) keys.items.push_back(std::move(parts[0]));
    while (skip_operator(",")) {
      ASSIGN_OR_RETURN(ExpressionPtr key, parse_expression());
      keys.items.push_back(std::move(key));
    }
    ASSIGN_OR_RETURN(parts[0], make(std::move(keys)));
  }
  RETURN_IF_ERROR(expect_operator("]"));
  return make(SubscriptNode{std::move(object), std::move(parts[0])});
}

Result<ExpressionPtr> Parser::parse_call(ExpressionPtr callee) {
  ASSIGN_OR_RETURN(ArgumentNodes arguments, parse_arguments());
  return make(CallNode{std::move(callee), std::move(arguments)});
}

Result<ArgumentNodes> Parser::parse_arguments() {
  RETURN_IF_ERROR(expect_operator("("));
  ArgumentNodes arguments;
  bool first = true;
  while (!at_operator(")")) {
    if (!first) {
      RETURN_IF_ERROR(expect_operator(","));
      if (at_operator(")")) break;
    }
    first = false;
    // Positional ones first, then named ones, then *expression and **expression.
    bool unpacked = arguments.unpacked_positional != nullptr || arguments.unpacked_named != nullptr;
    if (skip_operator("*")) {
      if (unpacked) return invalid_input("at most one *arguments, before **arguments");
      ASSIGN_OR_RETURN(arguments.unpacked_positional, parse_expression());
    } else if (skip_operator("**")) {
      if (arguments.unpacked_named != nullptr) return invalid_input("at most one **arguments");
      ASSIGN_OR_RETURN(arguments.unpacked_named, parse_expression());
    } else if (at(TokenKind::kName) && ahead().kind == TokenKind::kOperator && ahead().text == "=") {
      if (arguments.unpacked_named != nullptr) return invalid_input("a named argument behind **arguments");
      std::string name = take().text;
      take();
      ASSIGN_OR_RETURN(ExpressionPtr value, parse_expression());
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (unpacked || !arguments.named.empty()) return invalid_input("a positional argument behind a named one");
      ASSIGN_OR_RETURN(ExpressionPtr value, parse_expression());
      arguments.positional.push_back(std::move(value));
    }
  }
  RETURN_IF_ERROR(expect_operator(")"));
  return arguments;
}

Result<std::string> Parser::parse_dotted_name() {
  ASSIGN_OR_RETURN(std::string name, expect_name());
  while (skip_operator(".")) {
    ASSIGN_OR_RETURN(std::string part, expect_name());
    name += "." + part;
  }
  return name;
}

Result<ExpressionPtr> Parser::parse_filter(ExpressionPtr input) {
  ASSIGN_OR_RETURN(std::string name, parse_dotted_name());
  ArgumentNodes arguments;
  if (at_operator("(")) {
    ASSIGN_OR_RETURN(arguments, parse_arguments());
  }
  return make(FilterNode{std::move(input), std::move(name), std::move(arguments)});
}

// "x is divisibleby 3" needs no parentheses.
bool Parser::at_test_argument() const {
  if (at(TokenKind::kName)) return !at_name("else") && !at_name("or") && !at_name("and");
  return at(TokenKind::kString) || at(TokenKind::kInteger) || at(TokenKind::kFloat) || at_operator("[") ||
         at_operator("{");
}

Result<ExpressionPtr> Parser::parse_test(ExpressionPtr input) {
  take();
  bool negated = skip_name("not");
  ASSIGN_OR_RETURN(std::string name, parse_dotted_name());
  ArgumentNodes arguments;
  if (at_operator("(")) {
    ASSIGN_OR_RETURN(arguments, parse_arguments());
  } else if (at_test_argument()) {
    if (at_name("is")) return invalid_input("tests cannot be chained with 'is'");
    ASSIGN_OR_RETURN(ExpressionPtr argument, parse_primary());
    ASSIGN_OR_RETURN(argument, parse_postfix(std::move(argument)));
    arguments.positional.push_back(std::move(argument));
  }
  ASSIGN_OR_RETURN(ExpressionPtr test, make(TestNode{std::move(input), std::move(name), std::move(arguments)}));
  return negated ? make(UnaryNode{UnaryOperator::kNot, std::move(test)}) : Result<ExpressionPtr>(std::move(test));
}

}  // namespace nibble::text::jinja
