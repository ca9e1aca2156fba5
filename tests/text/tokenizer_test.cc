#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/test_files.h"

namespace nibble::text {
namespace {

using ::nibble::testing::must;
using ::nibble::testing::source_path;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Tokenizer& tiny() {
  static const Tokenizer tokenizer = must(Tokenizer::read(source_path("models/qwen36-tiny")));
  return tokenizer;
}

using Ids = std::vector<TokenId>;

TEST(Tokenizer, KnowsItsTokens) {
  EXPECT_EQ(tiny().vocab_size(), 4058);
  EXPECT_EQ(tiny().id_of("<|im_end|>"), 4034);
  EXPECT_EQ(tiny().id_of("no such token"), std::nullopt);
  TokenId the = tiny().id_of("Ġthe").value();
  EXPECT_EQ(tiny().token_bytes(the), " the");
  EXPECT_FALSE(tiny().is_added(the));
  EXPECT_EQ(tiny().token_bytes(4034), "<|im_end|>");
  EXPECT_TRUE(tiny().is_added(4034) && tiny().is_special(4034));
  TokenId think = tiny().id_of("<think>").value();
  EXPECT_TRUE(tiny().is_added(think) && !tiny().is_special(think));
  for (TokenId unused : {-1, 4058, 1 << 30}) {
    EXPECT_EQ(tiny().token_bytes(unused), "");
    EXPECT_FALSE(tiny().is_added(unused) || tiny().is_special(unused));
  }
}

// The fixed checks of architecture §7.1.
TEST(Tokenizer, RealVocabularyKeepsTheFixedChecks) {
  SKIP_WITHOUT_SHARED(path, "qwen36/tokenizer.json");
  Tokenizer tokenizer = must(Tokenizer::read(path.parent_path()));
  EXPECT_EQ(tokenizer.vocab_size(), 248077);
  EXPECT_THAT(must(tokenizer.encode("The capital of France is Paris, and the")),
              ElementsAre(760, 6511, 314, 9338, 369, 11751, 11, 321, 279));
  EXPECT_THAT(must(tokenizer.encode("<|im_start|>user\nWhat is 2+2?<|im_end|>\n<|im_start|>assistant\n"
                                    "<think>easy</think>4<|im_end|>")),
              ElementsAre(248045, 846, 198, 3710, 369, 220, 17, 10, 17, 30, 248046, 198, 248045, 74455, 198, 248068,
                          43518, 248069, 19, 248046));
  EXPECT_THAT(must(tokenizer.encode("====================")), ElementsAre(1464, 590));
  EXPECT_THAT(must(tokenizer.encode(std::string(40, 'A'))), ElementsAre(55961, 55961, 55961, 55961, 55961));
}

TEST(Tokenizer, PlainTextHasNoAddedTokens) {
  Ids marked = must(tiny().encode("<|im_start|>user"));
  EXPECT_EQ(marked.front(), 4033);
  Ids plain = must(tiny().encode_plain("<|im_start|>user"));
  for (TokenId id : plain) EXPECT_FALSE(tiny().is_added(id));
  EXPECT_EQ(must(tiny().decode(plain)), "<|im_start|>user");
}

TEST(Tokenizer, EmptyTextHasNoIds) {
  EXPECT_THAT(must(tiny().encode("")), IsEmpty());
  EXPECT_THAT(must(tiny().encode_plain("")), IsEmpty());
  EXPECT_EQ(must(tiny().decode({})), "");
}

TEST(Tokenizer, TextMustBeUtf8) {
  auto ids = tiny().encode("abc\xFFxyz");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(ids.error().describe(), HasSubstr("byte 3"));
  EXPECT_FALSE(tiny().encode_plain("\xC3"));
}

TEST(Tokenizer, DecodeRefusesIdsOutOfRange) {
  for (TokenId bad : {-1, 4058}) {
    auto text = tiny().decode(Ids{5, bad});
    ASSERT_FALSE(text);
    EXPECT_THAT(text.error().describe(), HasSubstr("expected 0 to 4057"));
  }
}

TEST(Tokenizer, DecodeDropsSpecialTokensOnRequest) {
  Ids ids = must(tiny().encode("<|im_start|><think>a</think><|im_end|>"));
  EXPECT_EQ(must(tiny().decode(ids)), "<|im_start|><think>a</think><|im_end|>");
  EXPECT_EQ(must(tiny().decode(ids, true)), "<think>a</think>");
}

// Ids at random: most sequences are no valid UTF-8.
TEST(StreamDecoder, PrintsWhatDecodeSaysAndNeverHalfACharacter) {
  std::mt19937 random(3);
  const std::string_view kReplacement = "\xEF\xBF\xBD";
  for (int round = 0; round < 2000; ++round) {
    Ids ids(random() % 12);
    // Half of them tokens of one byte, which are the first 256 of this vocabulary.
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % 2 == 0 ? random() % 256 : random() % 4058);
    bool skip_special = random() % 2 == 0;
    StreamDecoder decoder(tiny(), skip_special);
    std::string streamed;
    for (TokenId id : ids) streamed += decoder.push(id);
    streamed += decoder.finish();
    ASSERT_EQ(streamed, must(tiny().decode(ids, skip_special)));
  }
  StreamDecoder decoder(tiny());
  Ids smile = must(tiny().encode("🙂"));
  ASSERT_GT(smile.size(), 1U);
  for (std::size_t i = 0; i + 1 < smile.size(); ++i) EXPECT_EQ(decoder.push(smile[i]), "");
  EXPECT_EQ(decoder.push(smile.back()), "🙂");
  EXPECT_EQ(decoder.push(smile.front()), "");
  EXPECT_EQ(decoder.finish(), kReplacement);
  EXPECT_EQ(decoder.push(must(tiny().encode("a")).front()), "a") << "usable again";
}

TEST(StreamDecoder, UnusedIdsPrintNothing) {
  StreamDecoder decoder(tiny());
  EXPECT_EQ(decoder.push(4090), "");
  EXPECT_EQ(decoder.push(-1), "");
}

// Words and runs 250,000 bytes long, each of a kind that a careless tokenizer takes quadratic time for.
TEST(Tokenizer, LongRunsTakeTimeInProportion) {
  constexpr std::size_t kBytes = 250'000;
  for (std::string_view unit :
       {"A", "ab", " ", "\n", " \n", "=", "\u00A0", "e\u0301", "\u0301\u0316", "字", "<", "'"}) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    for (std::string_view end : {"", "x", "\n"}) {
      Ids ids = must(tiny().encode(text + std::string(end)));
      if (unit != "e\u0301" && unit != "\u0301\u0316") {
        ASSERT_EQ(must(tiny().decode(ids)), text + std::string(end));
      } else {
        ASSERT_GT(ids.size(), 1000U);
      }
    }
  }
}

}  // namespace
}  // namespace nibble::text
