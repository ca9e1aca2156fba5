// Tags and what stands between them (parser.h).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "text/jinja/parser.h"

namespace nibble::text::jinja {
namespace {

// Tags of jinja2 that need other templates, HTML, or extensions that transformers does not load.
constexpr std::string_view kUnsupportedTags[] = {"autoescape", "block",   "do",    "extends", "from",
                                                 "import",     "include", "print", "trans"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::ranges::end(names);
}

}  // namespace

Status Parser::Level::check() const {
  if (parser_.nesting_ <= kMostNesting) return {};
  return invalid_input(fmt::format("expressions or blocks nested deeper than {} levels", kMostNesting));
}

bool Parser::at_operator(std::string_view symbol) const { return at(TokenKind::kOperator) && current().text == symbol; }

bool Parser::at_name(std::string_view name) const { return at(TokenKind::kName) && current().text == name; }

bool Parser::skip_operator(std::string_view symbol) {
  bool found = at_operator(symbol);
  if (found) take();
  return found;
}

bool Parser::skip_name(std::string_view name) {
  bool found = at_name(name);
  if (found) take();
  return found;
}

std::string Parser::describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kText: return "text";
    case TokenKind::kVariableBegin: return "'{{'";
    case TokenKind::kVariableEnd: return "'}}'";
    case TokenKind::kBlockBegin: return "'{%'";
    case TokenKind::kBlockEnd: return "'%}'";
    case TokenKind::kString: return "a string";
    case TokenKind::kEnd: return "the end of the template";
    case TokenKind::kName:
    case TokenKind::kInteger:
    case TokenKind::kFloat:
    case TokenKind::kOperator: break;
  }
  return fmt::format("'{}'", token.text);
}

std::unexpected<Error> Parser::unexpected() const {
  return invalid_input(fmt::format("expected an expression, found {}", describe(current())));
}

Status Parser::expect_operator(std::string_view symbol) {
  if (skip_operator(symbol)) return {};
  return invalid_input(fmt::format("expected '{}', found {}", symbol, describe(current())));
}

Result<std::string> Parser::expect_name() {
  if (at(TokenKind::kName)) return take().text;
  return invalid_input(fmt::format("expected a name, found {}", describe(current())));
}

Result<Body> Parser::run() {
  auto body = parse_body({});
  if (!body) return std::unexpected(std::move(body).error().within(fmt::format("line {}", current().line)));
  return body;
}

Result<Body> Parser::parse_body(Names ends) {
  Level level(*this);
  RETURN_IF_ERROR(level.check());
  Body body;
  while (!at(TokenKind::kEnd)) {
    int line = current().line;
    if (at(TokenKind::kText)) {
      body.push_back({line, TextNode{take().text}});
    } else if (take().kind == TokenKind::kVariableBegin) {
      ASSIGN_OR_RETURN(ExpressionPtr value, parse_tuple());
      if (!at(TokenKind::kVariableEnd)) return invalid_input("expected '}}', found " + describe(current()));
      take();
      body.push_back({line, OutputNode{std::move(value)}});
    } else {
      ASSIGN_OR_RETURN(std::string tag, expect_name());
      if (is_one_of(ends, tag)) return body;
      ASSIGN_OR_RETURN(Statement::Node node, parse_statement(tag));
      body.push_back({line, std::move(node)});
      if (!at(TokenKind::kBlockEnd)) return invalid_input("expected '%}', found " + describe(current()));
      take();
    }
  }
  if (ends.size() > 0) {
    return invalid_input(
        fmt::format("the template ends where one of these tags is missing: {}", fmt::join(ends, ", ")));
  }
  return body;
}

Result<Body> Parser::parse_inner_body(Names ends) {
  skip_operator(":");
  if (!at(TokenKind::kBlockEnd)) return invalid_input("expected '%}', found " + describe(current()));
  take();
  return parse_body(ends);
}

Result<Statement::Node> Parser::parse_statement(std::string_view tag) {
  if (tag == "if") return parse_if();
  if (tag == "for") return parse_for();
  if (tag == "set") return parse_set();
  if (tag == "macro") return parse_macro();
  if (tag == "call") return parse_call_block();
  if (tag == "filter") return parse_filter_block();
  if (tag == "with") return parse_with();
  if (tag == "generation") return parse_generation();
  if (tag == "break") return parse_loop_control(LoopControl::kBreak);
  if (tag == "continue") return parse_loop_control(LoopControl::kContinue);
  if (is_one_of(kUnsupportedTags, tag)) return fail(ErrorCode::kUnsupported, fmt::format("the tag '{}'", tag));
  return invalid_input(fmt::format("unknown tag '{}'", tag));
}

Result<Statement::Node> Parser::parse_if() {
  IfNode node;
  do {
    ASSIGN_OR_RETURN(ExpressionPtr condition, parse_tuple(Conditionals::kNot));
    ASSIGN_OR_RETURN(Body body, parse_inner_body({"elif", "else", "endif"}));
    node.branches.push_back({std::move(condition), std::move(body)});
  } while (previous_name() == "elif");
  if (previous_name() == "else") {
    ASSIGN_OR_RETURN(node.otherwise, parse_inner_body({"endif"}));
  }
  return node;
}

Result<Statement::Node> Parser::parse_for() {
  ForNode node;
  ASSIGN_OR_RETURN(node.target, parse_target(false));
  if (!skip_name("in")) return invalid_input("expected 'in', found " + describe(current()));
  ASSIGN_OR_RETURN(node.items, parse_tuple(Conditionals::kNot));
  if (skip_name("if")) {
    ASSIGN_OR_RETURN(node.filter, parse_expression());
  }
  if (at_name("recursive")) return fail(ErrorCode::kUnsupported, "recursive loops");
  ++open_loops_;
  ASSIGN_OR_RETURN(node.body, parse_inner_body({"endfor", "else"}));
  --open_loops_;
  if (previous_name() == "else") {
    ASSIGN_OR_RETURN(node.otherwise, parse_inner_body({"endfor"}));
  }
  return node;
}

Result<Statement::Node> Parser::parse_set() {
  ASSIGN_OR_RETURN(Target target, parse_target(true));
  if (skip_operator("=")) {
    ASSIGN_OR_RETURN(ExpressionPtr value, parse_tuple());
    return SetNode{std::move(target), std::move(value)};
  }
  ASSIGN_OR_RETURN(ExpressionPtr text, make(BlockTextNode{}));
  ASSIGN_OR_RETURN(ExpressionPtr value, parse_block_filters(std::move(text)));
  ASSIGN_OR_RETURN(Body body, parse_inner_body({"endset"}));
  return SetBlockNode{std::move(target), std::move(value), std::move(body)};
}

Result<ExpressionPtr> Parser::parse_block_filters(ExpressionPtr text) {
  while (skip_operator("|")) {
    ASSIGN_OR_RETURN(text, parse_filter(std::move(text)));
  }
  return text;
}

Result<Statement::Node> Parser::parse_macro() {
  MacroNode macro;
  ASSIGN_OR_RETURN(macro.name, expect_name());
  RETURN_IF_ERROR(parse_parameters(macro));
  RETURN_IF_ERROR(parse_macro_body(macro, "endmacro"));
  return macro;
}

Status Parser::parse_parameters(MacroNode& macro) {
  RETURN_IF_ERROR(expect_operator("("));
  while (!at_operator(")")) {
    if (!macro.parameters.empty()) RETURN_IF_ERROR(expect_operator(","));
    MacroNode::Parameter parameter;
    ASSIGN_OR_RETURN(parameter.name, expect_name());
    if (skip_operator("=")) {
      ASSIGN_OR_RETURN(parameter.fallback, parse_expression());
    } else if (!macro.parameters.empty() && macro.parameters.back().fallback != nullptr) {
      return invalid_input(
          fmt::format("the parameter '{}' without a default follows one with a default", parameter.name));
    }
    macro.parameters.push_back(std::move(parameter));
  }
  return expect_operator(")");
}

Status Parser::parse_macro_body(MacroNode& macro, std::string_view end) {
  int outer_loops = std::exchange(open_loops_, 0);
  open_macros_.push_back(&macro);
  auto body = parse_inner_body({end});
  open_macros_.pop_back();
  open_loops_ = outer_loops;
  if (!body) return std::unexpected(std::move(body).error());
  macro.body = *std::move(body);
  return {};
}

Result<Statement::Node> Parser::parse_call_block() {
  CallBlockNode node;
  node.caller.name = "caller";
  if (at_operator("(")) RETURN_IF_ERROR(parse_parameters(node.caller));
  ASSIGN_OR_RETURN(node.call, parse_expression());
  if (!std::holds_alternative<CallNode>(node.call->node)) return invalid_input("a call block calls a macro");
  RETURN_IF_ERROR(parse_macro_body(node.caller, "endcall"));
  return node;
}

Result<Statement::Node> Parser::parse_filter_block() {
  ASSIGN_OR_RETURN(ExpressionPtr text, make(BlockTextNode{}));
  ASSIGN_OR_RETURN(ExpressionPtr value, parse_filter(std::move(text)));
  ASSIGN_OR_RETURN(value, parse_block_filters(std::move(value)));
  ASSIGN_OR_RETURN(Body body, parse_inner_body({"endfilter"}));
  return FilterBlockNode{std::move(value), std::move(body)};
}

Result<Statement::Node> Parser::parse_with() {
  WithNode node;
  while (!at(TokenKind::kBlockEnd)) {
    if (!node.assignments.empty()) RETURN_IF_ERROR(expect_operator(","));
    ASSIGN_OR_RETURN(Target target, parse_target(false));
    RETURN_IF_ERROR(expect_operator("="));
    ASSIGN_OR_RETURN(ExpressionPtr value, parse_expression());
    node.assignments.emplace_back(std::move(target), std::move(value));
  }
  ASSIGN_OR_RETURN(node.body, parse_inner_body({"endwith"}));
  return node;
}

// transformers marks what the assistant wrote with this tag, to find it again in training; the text is the same.
Result<Statement::Node> Parser::parse_generation() {
  int outer_loops = std::exchange(open_loops_, 0);
  WithNode node;
  ASSIGN_OR_RETURN(node.body, parse_inner_body({"endgeneration"}));
  open_loops_ = outer_loops;
  return node;
}

Result<Statement::Node> Parser::parse_loop_control(LoopControl control) {
  if (open_loops_ == 0) return invalid_input("'break' or 'continue' outside a loop");
  return control;
}

Result<Target> Parser::parse_target(bool with_attributes) {
  ASSIGN_OR_RETURN(Target first, parse_target_part(with_attributes));
  if (!at_operator(",")) return first;
  std::vector<Target> parts;
  parts.push_back(std::move(first));
  while (skip_operator(",")) {
    if (at_tuple_end() || at_name("in") || at_operator("=")) break;
    ASSIGN_OR_RETURN(Target part, parse_target_part(with_attributes));
    parts.push_back(std::move(part));
  }
  return Target{std::move(parts)};
}

Result<Target> Parser::parse_target_part(bool with_attributes) {
  if (skip_operator("(")) {
    Level level(*this);
    RETURN_IF_ERROR(level.check());
    ASSIGN_OR_RETURN(Target target, parse_target(false));
    RETURN_IF_ERROR(expect_operator(")"));
    return target;
  }
  ASSIGN_OR_RETURN(std::string name, expect_name());
  for (std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
    if (name == constant) return invalid_input(fmt::format("'{}' cannot be assigned to", name));
  }
  if (!with_attributes || !skip_operator(".")) return Target{std::move(name)};
  ASSIGN_OR_RETURN(std::string attribute, expect_name());
  return Target{Target::Attribute{std::move(name), std::move(attribute)}};
}

}  // namespace nibble::text::jinja
