#include "text/reply_parser.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

struct Reply {
  std::string reasoning;  // pieces put together
  std::string content;
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> calls;

  friend bool operator==(const Reply&, const Reply&) = default;
};

void append(Reply& reply, const std::vector<ReplyParser::Piece>& pieces) {
  for (const auto& piece : pieces) {
    EXPECT_FALSE(piece.text.empty());
    (piece.part == ReplyPart::kReasoning ? reply.reasoning : reply.content) += piece.text;
  }
}

Reply parse(const std::vector<std::string_view>& pushes, bool starts_in_reasoning) {
  ReplyParser parser(starts_in_reasoning);
  Reply reply;
  for (std::string_view text : pushes) append(reply, parser.push(text));
  append(reply, parser.finish());
  EXPECT_EQ(parser.reasoning(), reply.reasoning);
  EXPECT_EQ(parser.content(), reply.content);
  for (const ToolCall& call : parser.tool_calls()) reply.calls.emplace_back(call.name, call.arguments);
  return reply;
}

Reply parse(std::string_view text, bool starts_in_reasoning = false) {
  return parse(std::vector{text}, starts_in_reasoning);
}

constexpr std::string_view kCall =
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nLisbon\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
    "</function>\n</tool_call>";

TEST(ReplyParser, SplitsReasoningFromContent) {
  Reply reply = parse("\nTwo and two.\n</think>\n\nFour.\n", true);
  EXPECT_EQ(reply.reasoning, "Two and two.");
  EXPECT_EQ(reply.content, "Four.");
}

TEST(ReplyParser, ReplyMayOpenTheReasoningItself) {
  for (bool starts_in_reasoning : {false, true}) {
    Reply reply = parse("\n<think>a</think>b", starts_in_reasoning);
    EXPECT_EQ(reply.reasoning, "a");
    EXPECT_EQ(reply.content, "b");
  }
}

TEST(ReplyParser, ThinkTagsElsewhereAreText) {
  EXPECT_EQ(parse("see <think> and </think>").content, "see <think> and </think>");
  Reply reply = parse("a<think>b</think>c</think>d", true);
  EXPECT_EQ(reply.reasoning, "a<think>b");
  EXPECT_EQ(reply.content, "c</think>d");
}

TEST(ReplyParser, ReasoningThatNeverEndsIsReasoning) {
  Reply reply = parse("still thinking </thi", true);
  EXPECT_EQ(reply.reasoning, "still thinking </thi");
  EXPECT_EQ(reply.content, "");
}

TEST(ReplyParser, ShowsTextAsSoonAsItCannotBeATag) {
  ReplyParser parser(false);
  EXPECT_THAT(parser.push("one <"), SizeIs(1));
  EXPECT_EQ(parser.content(), "one");
  EXPECT_THAT(parser.push("tool"), IsEmpty());
  parser.push("s>");
  EXPECT_EQ(parser.content(), "one <tools>");
  parser.push(" <tool_call>\n<fun");
  EXPECT_EQ(parser.content(), "one <tools>");
  parser.push("!");
  EXPECT_EQ(parser.content(), "one <tools> <tool_call>\n<fun!");
}

TEST(ReplyParser, ReadsToolCalls) {
  Reply reply = parse("Let me look.\n" + std::string(kCall) + "\n" + std::string(kCall) + "\nDone.");
  ASSERT_THAT(reply.calls, SizeIs(2));
  EXPECT_EQ(reply.calls[0].first, "get_weather");
  EXPECT_THAT(reply.calls[1].second, ElementsAre(Pair("city", "Lisbon"), Pair("days", "3")));
  EXPECT_EQ(reply.content, "Let me look.\n\n\nDone.");
}

TEST(ReplyParser, CallIsKnownBeforeTheReplyEnds) {
  ReplyParser parser(true);
  parser.push("need a tool</think>\n\n");
  EXPECT_THAT(parser.push(kCall.substr(0, kCall.size() - 1)), IsEmpty());
  EXPECT_THAT(parser.tool_calls(), IsEmpty());
  EXPECT_THAT(parser.push(kCall.substr(kCall.size() - 1)), IsEmpty());
  EXPECT_THAT(parser.tool_calls(), SizeIs(1));
}

TEST(ReplyParser, ValuesKeepTheirLinesSpacesAndTags) {
  Reply reply = parse(
      "<tool_call>\n<function=write>\n<parameter=text>\n  a\n\n</tool_call> </parameter>\n<think>\n\n</parameter>\n"
      "<parameter=empty>\n\n</parameter>\n<parameter=bare>\n</parameter>\n</function>\n</tool_call>");
  ASSERT_THAT(reply.calls, SizeIs(1));
  EXPECT_THAT(reply.calls[0].second, ElementsAre(Pair("text", "  a\n\n</tool_call> </parameter>\n<think>\n"),
                                                 Pair("empty", ""), Pair("bare", "")));
}

TEST(ReplyParser, FunctionWithoutParameters) {
  Reply reply = parse("<tool_call><function=now></function></tool_call>");
  ASSERT_THAT(reply.calls, SizeIs(1));
  EXPECT_EQ(reply.calls[0].first, "now");
  EXPECT_THAT(reply.calls[0].second, IsEmpty());
}

TEST(ReplyParser, MalformedCallsComeOutAsContent) {
  for (std::string_view text : {
           "<tool_call>",
           "<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
           "<tool_call>\n<function=>\n</function>\n</tool_call>",
           "<tool_call>\n<function=f\n>\n</function>\n</tool_call>",
           "<tool_call>\n<function=f>\n<parameter=a>1</parameter>\n</function>\n</tool_call>",
           "<tool_call>\n<function=f>\n<parameter=a>\n1\n</function>\n</tool_call>",
           "<tool_call>\n<function=f>\n</function>\n</tool_cal",
           "<tool_call>\n<function=f>\n</tool_call>",
           "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\nwords",
       }) {
    Reply reply = parse(text);
    EXPECT_EQ(reply.content, text);
    EXPECT_THAT(reply.calls, IsEmpty());
  }
}

TEST(ReplyParser, NamesHaveALimit) {
  std::string text = "<tool_call>\n<function=" + std::string(300, 'f');
  ReplyParser parser(false);
  parser.push(text);
  EXPECT_EQ(parser.content(), text);
}

TEST(ReplyParser, GoodCallAfterABadOne) {
  Reply reply = parse("<tool_call> no " + std::string(kCall));
  EXPECT_EQ(reply.content, "<tool_call> no");
  EXPECT_THAT(reply.calls, SizeIs(1));
}

TEST(ReplyParser, CallsInReasoningAreReasoning) {
  Reply reply = parse(std::string(kCall) + "</think>ok", true);
  EXPECT_EQ(reply.reasoning, kCall);
  EXPECT_THAT(reply.calls, IsEmpty());
}

// Text made of tags, halves of tags and words: however it is cut into pushes, the outcome is the same.
TEST(ReplyParser, AnySplitGivesTheSame) {
  constexpr std::string_view kParts[] = {"<think>",
                                         "</think>",
                                         "<tool_call>",
                                         "</tool_call>",
                                         "<function=f>",
                                         "</function>",
                                         "<parameter=p>",
                                         "</parameter>",
                                         "\n",
                                         "\n",
                                         " ",
                                         "<tool",
                                         "</th",
                                         "x",
                                         "é",
                                         kCall};
  std::mt19937 random(20240607);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::size_t parts = random() % 16; parts > 0; --parts) text += kParts[random() % std::size(kParts)];
    bool starts_in_reasoning = random() % 2 == 0;
    Reply whole = parse(text, starts_in_reasoning);
    std::vector<std::string_view> pushes;
    std::string_view rest = text;
    while (!rest.empty()) {
      std::size_t length = 1 + random() % 9;
      pushes.push_back(rest.substr(0, length));
      rest.remove_prefix(std::min(length, rest.size()));
    }
    ASSERT_EQ(parse(pushes, starts_in_reasoning), whole) << text;
  }
}

// Without a whole call and without tags of reasoning, all that is not white space comes out as content.
TEST(ReplyParser, NothingIsLost) {
  constexpr std::string_view kParts[] = {"<tool_call>",  "<function=f>", "</function>", "<parameter=p>",
                                         "</parameter>", "\n",           " ",           "y"};
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text = "begin";
    for (std::size_t parts = random() % 12; parts > 0; --parts) text += kParts[random() % std::size(kParts)];
    text += "end";
    ASSERT_EQ(parse(text).content, text);
  }
}

// 100,000 tokens of one value, or of white space, take time in proportion.
TEST(ReplyParser, LongPartsStreamInLinearTime) {
  ReplyParser parser(false);
  parser.push("x");
  for (int i = 0; i < 100'000; ++i) parser.push("\n\n");
  parser.push("<tool_call>\n<function=f>\n<parameter=p>\n");
  for (int i = 0; i < 100'000; ++i) parser.push("<b>\n");
  parser.push("</parameter>\n</function>\n</tool_call>");
  ASSERT_THAT(parser.tool_calls(), SizeIs(1));
  EXPECT_THAT(parser.tool_calls()[0].arguments[0].second, SizeIs(399'999));
}

}  // namespace
}  // namespace nibble::text
