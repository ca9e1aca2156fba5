// Tokens to a tree, by the grammar of jinja2.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace nibble::text::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  // Errors name the line.
  Result<Body> run();

 private:
  using Names = std::initializer_list<std::string_view>;
  enum class Conditionals { kAllowed, kNot };

  // Deeper trees are refused: expressions in parentheses, operators in a row, blocks within blocks.
  static constexpr int kMostNesting = 150;

  // Counts one level of recursion for as long as it lives.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) { ++parser_.nesting_; }
    ~Level() { --parser_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Status check() const;

   private:
    Parser& parser_;
  };

  const Token& current() const { return tokens_[position_]; }
  const Token& ahead() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[position_ + 1 < tokens_.size() ? position_++ : position_]; }
  bool at(TokenKind kind) const { return current().kind == kind; }
  bool at_operator(std::string_view symbol) const;
  bool at_name(std::string_view name) const;
  bool skip_operator(std::string_view symbol);
  bool skip_name(std::string_view name);
  Status expect_operator(std::string_view symbol);
  Result<std::string> expect_name();
  const std::string& previous_name() const { return tokens_[position_ - 1].text; }
  static std::string describe(const Token& token);
  std::unexpected<Error> unexpected() const;

  // parser_statements.cc
  Result<Body> parse_body(Names ends);        // up to and behind the name of the tag that ends it
  Result<Body> parse_inner_body(Names ends);  // the same, from within the tag that begins it
  Status parse_block(Body& body);
  Result<Statement::Node> parse_statement(std::string_view tag);
  Result<Statement::Node> parse_if();
  Result<Statement::Node> parse_for();
  Result<Statement::Node> parse_set();
  Result<Statement::Node> parse_macro();
  Result<Statement::Node> parse_call_block();
  Result<Statement::Node> parse_filter_block();
  Result<Statement::Node> parse_with();
  Result<Statement::Node> parse_generation();
  Result<Statement::Node> parse_loop_control(LoopControl control);
  Status parse_parameters(MacroNode& macro);
  Status parse_macro_body(MacroNode& macro, std::string_view end);
  Result<ExpressionPtr> parse_block_filters(ExpressionPtr text);
  Result<Target> parse_target(bool with_attributes);
  Result<Target> parse_target_part(bool with_attributes);

  // parser.cc: expressions, loosest binding first
  Result<ExpressionPtr> parse_tuple(Conditionals conditionals = Conditionals::kAllowed);
  Result<ExpressionPtr> parse_expression(Conditionals conditionals = Conditionals::kAllowed);
  Result<ExpressionPtr> parse_conditional();
  Result<ExpressionPtr> parse_or();
  Result<ExpressionPtr> parse_and();
  Result<ExpressionPtr> parse_not();
  Result<ExpressionPtr> parse_comparison();
  Result<ExpressionPtr> parse_sum();
  Result<ExpressionPtr> parse_concatenation();
  Result<ExpressionPtr> parse_product();
  Result<ExpressionPtr> parse_power();
  Result<ExpressionPtr> parse_unary(bool with_filters);
  Result<ExpressionPtr> parse_primary();
  Result<ExpressionPtr> parse_parenthesized();
  Result<ExpressionPtr> parse_list();
  Result<ExpressionPtr> parse_dict();
  Result<ExpressionPtr> parse_postfix(ExpressionPtr expression);
  Result<ExpressionPtr> parse_filters_and_tests(ExpressionPtr expression);
  Result<ExpressionPtr> parse_dot(ExpressionPtr object);
  Result<ExpressionPtr> parse_subscript(ExpressionPtr object);
  Result<ExpressionPtr> parse_call(ExpressionPtr callee);
  Result<ExpressionPtr> parse_filter(ExpressionPtr input);  // from the filter's name on
  Result<ExpressionPtr> parse_test(ExpressionPtr input);
  Result<ArgumentNodes> parse_arguments();
  Result<std::string> parse_dotted_name();
  bool at_tuple_end() const;
  bool at_test_argument() const;

  // An expression at the current line; an error where its tree is too high.
  Result<ExpressionPtr> make(Expression::Node node) const;

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int nesting_ = 0;
  int open_loops_ = 0;  // around this place, within the innermost macro
  std::vector<MacroNode*> open_macros_;
};

}  // namespace nibble::text::jinja
