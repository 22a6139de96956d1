// The three tokenizers, and `word` against ICU's own word breaks.
#include "host/text/tokenizer.h"

#include "host/text/unicode.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// UAX #29 over the whole text at once, straight from ICU.
Strings icu_words(std::string_view text, bool drop_punctuation) {
  WordBreaker breaker;
  breaker.start(text);
  Strings words;
  std::string_view segment;
  while (breaker.next(segment)) {
    while (!segment.empty()) {  // a mark after white space makes one segment with it
      std::size_t next = 0;
      if (char_kind(next_code_point(segment, next)) != CharKind::kSpace) break;
      segment.remove_prefix(next);
    }
    bool content = false, mark = false;
    for (std::size_t i = 0; i < segment.size();) {
      const CharKind kind = char_kind(next_code_point(segment, i));
      content = content || kind == CharKind::kContent;
      mark = mark || kind == CharKind::kPunctuation;
    }
    if (content || (mark && !drop_punctuation)) words.emplace_back(segment);
  }
  return words;
}

TEST(WordTokenizer, CutsEnglishAsUax29Says) {
  EXPECT_THAT(tokens_of(plain_options(), "I can't pay $3.14, U.S. e-mail x_1!"),
              ElementsAre("I", "can't", "pay", "$", "3.14", ",", "U.S", ".", "e", "-", "mail", "x_1", "!"));
  EXPECT_THAT(tokens_of(plain_options("word", "drop"), "I can't pay $3.14, U.S. e-mail x_1! __"),
              ElementsAre("I", "can't", "pay", "3.14", "U.S", "e", "mail", "x_1"));
}

TEST(WordTokenizer, ColonAndAtAlwaysStandAlone) {
  EXPECT_THAT(tokens_of(plain_options(), "Subject:Re a@b.com"),
              ElementsAre("Subject", ":", "Re", "a", "@", "b.com"));
  EXPECT_THAT(tokens_of(plain_options(), "n\u00e9:\u00e9t\u00e9 \u00e9@\u00e9"),
              ElementsAre("n\u00e9", ":", "\u00e9t\u00e9", "\u00e9", "@", "\u00e9"));
  EXPECT_THAT(tokens_of(plain_options("word", "drop"), "\u00e9:\u00e9@"), ElementsAre("\u00e9", "\u00e9"));
}

TEST(WordTokenizer, FindsWordsOfManyScripts) {
  EXPECT_THAT(
      tokens_of(plain_options("word", "drop"), "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!"),
      ElementsAre("\u041f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440"));
  // Chinese by dictionary; the full stop is no word.
  EXPECT_THAT(tokens_of(plain_options("word", "drop"), "\u4e2d\u56fd\u4eba\u6c11\u3002"),
              ElementsAre("\u4e2d\u56fd", "\u4eba\u6c11"));
  // An emoji is content and stays where punctuation is dropped; skin tones stay on their hand.
  EXPECT_THAT(tokens_of(plain_options("word", "drop"), "ok \U0001f44d\U0001f3fd!!!"),
              ElementsAre("ok", "\U0001f44d\U0001f3fd"));
}

TEST(WordTokenizer, AsciiPathEqualsIcu) {
  std::vector<char32_t> alphabet;
  for (char32_t c = 1; c < 0x80; ++c) {
    if (c != ':' && c != '@') alphabet.push_back(c);
  }
  // Random bytes seldom meet; the second alphabet is made of those that rules speak of.
  const std::vector<char32_t> telling = {'a', 'B',  '1', '2', '_', '.',  ',',
                                         ';', '\'', '"', '-', ' ', '\n', '/'};
  TextPipeline keeps(plain_options()), drops(plain_options("word", "drop"));
  TokenList tokens;
  std::mt19937 random(1);
  for (int i = 0; i < 6000; ++i) {
    const std::string text = random_text(random, i % 3 == 0 ? alphabet : telling, 40);
    keeps.run(text, tokens);
    ASSERT_EQ(strings_of(tokens), icu_words(text, false)) << testing::PrintToString(text);
    drops.run(text, tokens);
    ASSERT_EQ(strings_of(tokens), icu_words(text, true)) << testing::PrintToString(text);
  }
}

TEST(WordTokenizer, PiecewiseEqualsIcuOverTheWholeText) {
  const std::vector<char32_t> alphabet = {
      'a',    'B',    '1',    '.',    '\'',   ',',    '-',    ' ',    ' ',     ' ',     '\n',    0xe9,
      0x301,  0x200d, 0x2019, 0xa0,   0x3000, 0x5d0,  '"',    0x440,  0x4e2d,  0x56fd,  0xe01,   0xe32,
      0x3042, 0x30a2, 0xad,   0x200b, 0x660,  0x203f, 0x2028, 0xff1a, 0x1f1e9, 0x1f469, 0x1f3fd, 0xfffd};
  TextPipeline keeps(plain_options());
  TokenList tokens;
  std::mt19937 random(2);
  for (int i = 0; i < 6000; ++i) {
    const std::string text = random_text(random, alphabet, 60);
    keeps.run(text, tokens);
    ASSERT_EQ(strings_of(tokens), icu_words(text, false)) << testing::PrintToString(text);
  }
}

TEST(WhitespaceTokenizer, KeepsDropsAndSplitsPunctuation) {
  const char* text = " (hello),\tdon't  3.14! -- \u201cna\u00efve\u201d\u3000x\n";
  EXPECT_THAT(tokens_of(plain_options("whitespace", "keep"), text),
              ElementsAre("(hello),", "don't", "3.14!", "--", "\u201cna\u00efve\u201d", "x"));
  EXPECT_THAT(tokens_of(plain_options("whitespace", "drop"), text),
              ElementsAre("hello", "don't", "3.14", "na\u00efve", "x"));
  EXPECT_THAT(tokens_of(plain_options("whitespace", "split"), text),
              ElementsAre("(", "hello", ")", ",", "don't", "3.14", "!", "-", "-", "\u201c", "na\u00efve",
                          "\u201d", "x"));
}

TEST(WhitespaceTokenizer, ControlsSeparateToo) {
  EXPECT_THAT(tokens_of(plain_options("whitespace"), "a\x01z\x7fy\u0085x"), ElementsAre("a", "z", "y", "x"));
}

TEST(CharTokenizer, TokensAreCodePointsAndOneSpace) {
  EXPECT_THAT(tokens_of(plain_options("char"), "  a\u00e9 \n\u3000 \U0001f600-b "),
              ElementsAre("a", "\u00e9", " ", "\U0001f600", "-", "b"));
  EXPECT_THAT(tokens_of(plain_options("char", "drop"), "a - b. "), ElementsAre("a", " ", "b"));
  EXPECT_THAT(tokens_of(plain_options("char", "drop"), " ... "), IsEmpty());
}

TEST(CharTokenizer, ForgetsTheSpaceAtTheEndOfTheTextBefore) {
  TextPipeline pipeline(plain_options("char", "drop"));
  TokenList tokens;
  pipeline.run("a -", tokens);
  pipeline.run("b", tokens);
  EXPECT_THAT(strings_of(tokens), ElementsAre("b"));
}

TEST(TokenList, CutsTokensOfAbsurdLengthBetweenCodePoints) {
  const std::string ascii(5000, 'x');
  EXPECT_EQ(tokens_of(plain_options("whitespace"), ascii).front().size(), TokenList::kMaxTokenBytes);
  std::string accents = "x";
  for (int i = 0; i < 300; ++i) accents += "\u00e9";
  EXPECT_EQ(tokens_of(plain_options("whitespace"), accents).front().size(), TokenList::kMaxTokenBytes - 1);
}

TEST(TokenList, EraseClosesTheGap) {
  TokenList tokens;
  for (const char* word : {"a", "bb", "ccc", "dddd", "e"}) tokens.add(word);
  tokens.erase(1, 3);
  EXPECT_THAT(strings_of(tokens), ElementsAre("a", "dddd", "e"));
  tokens.erase(0, 1);
  tokens.add("f");
  EXPECT_THAT(strings_of(tokens), ElementsAre("dddd", "e", "f"));
}

}  // namespace
}  // namespace sluice
