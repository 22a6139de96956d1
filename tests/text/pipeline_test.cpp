// The pipeline as a whole: options, cleaning, folding, stop words, stems, truncation.
#include "host/text/pipeline.h"

#include "host/text/unicode.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<char32_t> many_code_points() {
  std::vector<char32_t> all;
  for (char32_t c = 1; c < 0x3100; c += c < 0x600 ? 1 : 7) all.push_back(c);
  for (const char32_t c : {0x1e9e, 0xfb01, 0xfdfa, 0xff21, 0xac00, 0x1100, 0x1161, 0x11a8, 0x345, 0x1f600,
                           0x1d400, 0x3001, 0x3002, 0x4e2d, 0x10400, 0xfeff, 0xfffd}) {
    all.push_back(c);
  }
  for (int i = 0; i < 300; ++i) all.push_back(U" \n.a"[i % 4]);
  return all;
}

TEST(Normalize, NfkcIsIdempotent) {
  std::mt19937 random(3);
  const std::vector<char32_t> alphabet = many_code_points();
  std::string once, twice;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_text(random, alphabet, 30);
    const std::string normal(normalize_nfkc(text, once));
    ASSERT_EQ(normalize_nfkc(normal, twice), normal) << testing::PrintToString(text);
  }
}

TEST(Normalize, MakesOneOfManySpellings) {
  TextOptions options;
  EXPECT_THAT(tokens_of(options, "\uff21\uff22\uff23 \ufb01ne e\u0301te\u0301 stra\u00dfe 10\u00a0km"),
              ElementsAre("abc", "fine", "\u00e9t\u00e9", "strasse", "10", "km"));
  options.normalize = "none";
  options.lowercase = false;
  EXPECT_THAT(tokens_of(options, "\ufb01ne Stra\u00dfe"), ElementsAre("\ufb01ne", "Stra\u00dfe"));
}

// ASCII never goes through ICU and spans are cut; the whole text through ICU must give the same.
TEST(Normalize, PiecewiseEqualsIcuOverTheWholeText) {
  TextOptions options;
  options.urls = "keep";
  options.punctuation = "keep";
  options.tokenizer = "whitespace";
  options.max_tokens = 0;
  TextPipeline whole_options(options), pieces(options);
  TextOptions plain = plain_options("whitespace");
  TextPipeline splits(plain);
  std::mt19937 random(4);
  const std::vector<char32_t> alphabet = many_code_points();
  TokenList expected, tokens;
  std::string normal, folded, again;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_text(random, alphabet, i % 50 == 0 ? 6000 : 60);
    fold_case(normalize_nfkc(text, normal), folded);
    splits.run(normalize_nfkc(folded, again), expected);
    pieces.run(text, tokens);
    ASSERT_EQ(strings_of(tokens), strings_of(expected)) << testing::PrintToString(text);
  }
}

TEST(Tokens, AreNeverEmptyNorHoldWhiteSpace) {
  std::mt19937 random(5);
  const std::vector<char32_t> alphabet = many_code_points();
  for (const char* tokenizer : {"word", "whitespace"}) {
    for (const char* punctuation : {"keep", "drop", "split"}) {
      TextOptions options;
      options.tokenizer = tokenizer;
      options.punctuation = punctuation;
      options.numbers = options.users = "fold";
      TextPipeline pipeline(options);
      TokenList tokens;
      for (int i = 0; i < 300; ++i) {
        pipeline.run(random_text(random, alphabet, 200), tokens);
        for (std::size_t t = 0; t < tokens.size(); ++t) {
          ASSERT_FALSE(tokens[t].empty());
          for (std::size_t at = 0; at < tokens[t].size();) {
            ASSERT_NE(char_kind(next_code_point(tokens[t], at)), CharKind::kSpace) << tokens[t];
          }
        }
      }
    }
  }
}

TEST(Tokens, OfIllFormedUtf8AreWellFormed) {
  std::mt19937 random(6);
  for (const char* tokenizer : {"word", "whitespace", "char"}) {
    for (const char* normalize : {"nfkc", "none"}) {
      TextOptions options;
      options.tokenizer = tokenizer;
      options.normalize = normalize;
      options.html = "strip";
      TextPipeline pipeline(options);
      TokenList tokens;
      for (int i = 0; i < 500; ++i) {
        std::string text;
        const std::size_t length = i % 20 == 0 ? 9000 : random() % 60;
        for (std::size_t b = 0; b < length; ++b)
          text.push_back(static_cast<char>(random() % (i % 3 == 0 ? 256 : 200)));
        if (i % 7 == 0) text.assign(length, '\x80');
        pipeline.run(text, tokens);
        for (std::size_t t = 0; t < tokens.size(); ++t) {
          for (std::size_t at = 0; at < tokens[t].size();) {
            ASSERT_LE(next_code_point(tokens[t], at), 0x10ffffu);
            ASSERT_LE(at, tokens[t].size());
          }
        }
      }
    }
  }
  EXPECT_THAT(tokens_of(plain_options("whitespace"), "a\xff\xc3 b"), ElementsAre("a\ufffd\ufffd", "b"));
}

TEST(Fold, UrlsNumbersUsers) {
  TextOptions options;
  options.numbers = options.users = "fold";
  options.punctuation = "keep";
  EXPECT_THAT(
      tokens_of(options,
                "See (http://Example.com/a_(b)?q=1), www.x.org. @jet_blue: 1,000.5 1990s a@b.c $5 24/7"),
      ElementsAre("see", "(", "<url>", ")", ",", "<url>", ".", "<user>", ":", "<number>", "1990s", "a", "@",
                  "b.c", "$", "<number>", "<number>"));
  options.urls = "fold";
  options.numbers = options.users = "keep";
  EXPECT_THAT(tokens_of(options, "HTTPS://a.b\u2026 awww.x http:// 7 @me"),
              ElementsAre("<url>", ".", ".", ".", "awww.x", "http", ":", "/", "/", "7", "@", "me"));
}

TEST(Fold, WorksForEveryTokenizer) {
  TextOptions options;
  options.numbers = "fold";
  for (const char* tokenizer : {"word", "whitespace"}) {
    options.tokenizer = tokenizer;
    EXPECT_THAT(tokens_of(options, "x \uff11\uff12 (http://a.bc)y"),
                ElementsAre("x", "<number>", "<url>", "y"));
  }
  options.tokenizer = "char";
  EXPECT_THAT(tokens_of(options, "x 12 y"), ElementsAre("x", " ", "<number>", " ", "y"));
}

TEST(StopWords, AreLeftOutInAnyCase) {
  TextOptions options;
  options.stop_words = "english";
  EXPECT_THAT(tokens_of(options, "The cat isn't ON the mat; it\u2019s not <url> http://x.y"),
              ElementsAre("cat", "mat", "url", "<url>"));
  options.lowercase = false;
  EXPECT_THAT(tokens_of(options, "The Cat Isn't ON the mat"), ElementsAre("Cat", "mat"));
}

TEST(StopWords, FromAFile) {
  const TemporaryFolder folder;
  TextOptions options;
  options.stop_words = folder.write("stop.txt", "Caf\u00e9\r\n\n  cat \n");
  EXPECT_THAT(tokens_of(options, "The CAT in the CAFE\u0301"), ElementsAre("the", "in", "the"));
  TextPipeline pipeline(options);
  std::filesystem::remove(options.stop_words);
  TokenList tokens;
  pipeline.clone().run("cat dog", tokens);  // a clone reads nothing again
  EXPECT_THAT(strings_of(tokens), ElementsAre("dog"));
}

TEST(StopWords, FilesWithMistakesAreNamed) {
  const TemporaryFolder folder;
  TextOptions options;
  const auto error_of = [&](std::string_view bytes) {
    options.stop_words = folder.write("stop.txt", bytes);
    return user_error([&] { TextPipeline pipeline(options); });
  };
  EXPECT_THAT(error_of("the\nof the\n"), AllOf(HasSubstr("stop.txt:2:3: "), HasSubstr("one a line")));
  EXPECT_THAT(error_of("the\nx\xff\n"), AllOf(HasSubstr("stop.txt:2:2: "), HasSubstr("UTF-8")));
  EXPECT_THAT(error_of("\n \n"), HasSubstr("no stop word"));
  options.stop_words = (folder.path() / "absent.txt").string();
  EXPECT_THAT(user_error([&] { TextPipeline pipeline(options); }), HasSubstr("absent.txt"));
}

TEST(Stemmer, StemsAfterStopWords) {
  TextOptions options;
  options.stemmer = "english";
  options.stop_words = "english";
  EXPECT_THAT(tokens_of(options, "Having the relational connections running"),
              ElementsAre("relat", "connect", "run"));
  options.stemmer = "german";
  EXPECT_THAT(tokens_of(options, "H\u00e4user"), ElementsAre("haus"));
}

TEST(Truncate, HeadTailAndBoth) {
  TextOptions options;
  options.max_tokens = 5;
  const char* text = "a b c d e f g h";
  EXPECT_THAT(tokens_of(options, text), ElementsAre("a", "b", "c", "d", "e"));
  options.truncate = "tail";
  EXPECT_THAT(tokens_of(options, text), ElementsAre("d", "e", "f", "g", "h"));
  options.truncate = "head_tail";
  EXPECT_THAT(tokens_of(options, text), ElementsAre("a", "b", "c", "g", "h"));
  options.max_tokens = 1;
  EXPECT_THAT(tokens_of(options, text), ElementsAre("a"));
}

TEST(Truncate, KeepsExactlyTheTokensThatSlicingWould) {
  std::string text;
  for (int i = 0; i < 20000; ++i)
    text.append("w").append(std::to_string(i)).append(i % 17 == 0 ? " \u00e9\n" : " ");
  TextOptions options;
  options.max_tokens = 0;
  const Strings all = tokens_of(options, text);
  for (const std::int64_t most : {2, 3, 7, 400, 5000, 30000}) {
    options.max_tokens = most;
    const std::size_t kept = std::min(all.size(), static_cast<std::size_t>(most));
    for (const char* truncate : {"head", "tail", "head_tail"}) {
      options.truncate = truncate;
      const std::size_t tail = options.truncate == "head" ? 0 : options.truncate == "tail" ? kept : kept / 2;
      const auto head = static_cast<std::ptrdiff_t>(kept - tail);
      Strings expected(all.begin(), all.begin() + head);
      expected.insert(expected.end(), all.end() - static_cast<std::ptrdiff_t>(tail), all.end());
      TextPipeline pipeline(options);
      TokenList tokens;
      const Truncation cut = pipeline.run(text, tokens);
      EXPECT_EQ(strings_of(tokens), expected) << truncate << ' ' << most;
      EXPECT_EQ(cut.truncated, kept < all.size());
      if (options.truncate == "head") {
        EXPECT_EQ(cut.unread_bytes > 0, kept < all.size());
      } else {
        EXPECT_EQ(cut.dropped_tokens, all.size() - kept);
      }
    }
  }
}

TEST(Truncate, ATextOfExactlyMaxTokensIsWhole) {
  TextOptions options;
  options.max_tokens = 3;
  TextPipeline pipeline(options);
  TokenList tokens;
  EXPECT_FALSE(pipeline.run("a b c .,! \n", tokens).truncated);
  EXPECT_TRUE(pipeline.run("a b c d", tokens).truncated);
}

TEST(Truncate, HeadLeavesTheRestOfAHugeTextAlone) {
  std::string text;
  while (text.size() < (1u << 24)) text += "word <b>bold</b> ";
  for (const char* html : {"keep", "strip"}) {
    TextOptions options;
    options.html = html;
    options.max_tokens = 100;
    TextPipeline pipeline(options);
    TokenList tokens;
    EXPECT_GT(pipeline.run(text, tokens).unread_bytes, text.size() - (1u << 17)) << html;
    EXPECT_EQ(tokens.size(), 100u);
  }
}

TEST(Pipeline, EmptyTextsHaveNoTokens) {
  for (const char* text : {"", " ", "\n\t \u3000", "...", "\u200b", "\u0301"}) {
    EXPECT_THAT(tokens_of(TextOptions(), text), IsEmpty()) << testing::PrintToString(text);
  }
}

TEST(Pipeline, ALongRunIsCutAtAnIdeographicStop) {
  std::string text = "1234567";  // so that 4 KiB end within a word
  for (int i = 0; i < 1000; ++i) text += "\u4e2d\u56fd\u4eba\u6c11\u3002";
  TextOptions options;
  options.max_tokens = 0;
  const Strings words = tokens_of(options, text);
  ASSERT_EQ(words.size(), 2001u);
  for (std::size_t i = 1; i < words.size(); ++i) ASSERT_EQ(words[i], words[1 + (i + 1) % 2]);
}

TEST(Options, DefaultsAreLegal) {
  EXPECT_NO_THROW(check(TextOptions()));
}

TEST(Options, MistakesNameTheOptionAndTheLegalValues) {
  const auto error_of = [](auto change) {
    TextOptions options;
    change(options);
    return user_error([&] { check(options); });
  };
  EXPECT_EQ(error_of([](TextOptions& o) { o.normalize = "nfd"; }),
            "text.normalize: 'nfd' is not a legal value; use nfkc or none");
  EXPECT_EQ(error_of([](TextOptions& o) { o.tokenizer = "words"; }),
            "text.tokenizer: 'words' is not a legal value; use word, whitespace or char");
  EXPECT_THAT(error_of([](TextOptions& o) { o.html = "x"; }), HasSubstr("text.html"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.email_headers = "x"; }), HasSubstr("text.email_headers"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.urls = "x"; }), HasSubstr("text.urls"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.numbers = "x"; }), HasSubstr("text.numbers"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.users = "x"; }), HasSubstr("text.users"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.punctuation = "x"; }), HasSubstr("text.punctuation"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.truncate = "x"; }), HasSubstr("text.truncate"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.max_tokens = -1; }), HasSubstr("text.max_tokens"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.stop_words = ""; }), HasSubstr("text.stop_words"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.stemmer = "engilsh"; }),
              AllOf(HasSubstr("text.stemmer"), HasSubstr("did you mean 'english'?")));
  EXPECT_THAT(error_of([](TextOptions& o) { o.tokenizer = "char", o.stemmer = "english"; }),
              HasSubstr("text.stemmer"));
  EXPECT_THAT(error_of([](TextOptions& o) { o.tokenizer = "char", o.stop_words = "english"; }),
              HasSubstr("text.stop_words"));
}

}  // namespace
}  // namespace sluice
