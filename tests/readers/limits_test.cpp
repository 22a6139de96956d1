// Long texts and lines, and that the size of the blocks in which bytes arrive changes nothing.
#include "host/readers/text_lines.h"
#include "tests/readers/reading.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LongText, IsCutAtACharacterAndCounted) {
  ReaderOptions options;
  options.max_document_bytes = 6;
  const std::vector<std::pair<std::string, std::string>> files = {
      {"x.txt", "__label__a abcde\u20ac\n__label__b abcdef\n"},
      {"x.csv", "label,text\na,abcde\u20ac\nb,abcdef\n"},
      {"x.csv", "label,text\na,\"abcde\u20ac\"\nb,\"abcdef\"\n"},
      {"x.tsv", "a\tabcde\u20ac\nb\tabcdef\n"},
      {"x.jsonl", "{\"text\":\"abcde\\u20ac\",\"label\":\"a\"}\n{\"text\":\"abcdef\",\"label\":\"b\"}\n"}};
  for (const auto& [name, bytes] : files) {
    const Reading reading = read_text(name, bytes, options);
    EXPECT_THAT(reading.texts(), ElementsAre("abcde", "abcdef")) << name;
    EXPECT_THAT(reading.labels(), ElementsAre("a", "b")) << name;
    EXPECT_EQ(reading.report.truncated, 1) << name;
  }
}

TEST(LongText, JoinedColumnsAreCutTogether) {
  ReaderOptions options;
  options.text_columns = {"t", "u"};
  for (const std::size_t limit : {1, 2, 3, 4, 5, 6}) {
    options.max_document_bytes = limit;
    const Reading reading = read_text("x.csv", "label,t,u\na,bc,de\n", options);
    EXPECT_THAT(reading.texts(), ElementsAre(std::string("bc de").substr(0, limit)));
    EXPECT_EQ(reading.report.truncated, limit < 5 ? 1 : 0);
  }
}

TEST(LongText, LimitsNoLabel) {
  ReaderOptions options;
  options.max_document_bytes = 3;
  EXPECT_THAT(read_text("x.csv", "label,text\na long label,abcd\n", options).labels(),
              ElementsAre("a long label"));
  options.label_separator = "|";
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "abc|";
  EXPECT_THAT(read_error("x.csv", "label,text\n" + many + "a,x\n", options),
              HasSubstr("x.csv:2:1: labels of more than"));
  EXPECT_THAT(read_text("x.csv", "label,text\n" + many.substr(0, 60003) + ",x\n", options).labels(),
              ElementsAre("abc"));
}

TEST(LongText, OneLineOfFiftyMegabytes) {
  const std::string words(50000000, 'x');
  const std::vector<std::pair<std::string, std::string>> files = {
      {"x.txt", words + " __label__a\n__label__b y\n"},
      {"x.csv", "label,text\na,\"" + words + "\"\nb,y\n"},
      {"x.tsv", "text\tlabel\n" + words + "\ta\ny\tb\n"},
      {"x.jsonl", "{\"text\":\"" + words + "\",\"label\":\"a\"}\n{\"text\":\"y\",\"label\":\"b\"}\n"}};
  for (const auto& [name, bytes] : files) {
    const Reading reading = read_text(name, bytes);
    ASSERT_EQ(reading.documents.size(), 2u) << name;
    EXPECT_EQ(reading.texts()[0], words.substr(0, 1u << 20)) << name;
    EXPECT_EQ(reading.texts()[1], "y") << name;
    EXPECT_THAT(reading.labels(), ElementsAre("a", "b")) << name;
    EXPECT_EQ(reading.report.truncated, 1) << name;
  }
}

TEST(LongLine, PastTheLimitIsABadRowUnlessItIsAllText) {
  const std::string words(68000000, 'x');  // the limit is 64 MiB
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  EXPECT_THAT(read_text("x.txt", "__label__a " + words + "\n__label__b y\n").labels(), ElementsAre("a", "b"));
  EXPECT_THAT(read_text("x.csv", "label,text\na," + words + "\nb,y\n", options).labels(), ElementsAre("b"));
  EXPECT_THAT(read_text("x.csv", "label,text\na,\"\n" + words + "\"\nb,y\n", options).labels(),
              ElementsAre("b"));
  EXPECT_THAT(read_text("x.tsv", "a\tx\nb\t" + words + "\nc\ty\n", options).labels(), ElementsAre("a", "c"));
  EXPECT_THAT(
      read_text("x.jsonl", "{\"text\":\"" + words + "\",\"label\":\"a\"}\n{\"text\":\"y\",\"label\":\"b\"}\n",
                options)
          .labels(),
      ElementsAre("b"));
  EXPECT_THAT(read_error("x.tsv", "a\tx\nb\t" + words + "\n"), HasSubstr("x.tsv:2:1: a line of more than"));
}

TEST(LongLine, IsCutBetweenCharacters) {
  const std::string bytes = "x\u20ac\u20ac\u20ac\nshort\n";
  for (std::size_t limit = 5; limit < 10; ++limit) {
    MemorySource source(bytes, 2);
    TextLines lines(source, "x", limit, /*mend=*/false);
    Line line;
    ASSERT_TRUE(lines.next(line));
    EXPECT_TRUE(line.cut);
    EXPECT_LE(line.bytes.size(), limit);
    EXPECT_GE(line.bytes.size(), limit - 3);
    EXPECT_FALSE(lines.take_bad_bytes()) << limit;
    ASSERT_TRUE(lines.next(line));
    EXPECT_FALSE(line.cut);
    EXPECT_EQ(line.bytes, "short");
    EXPECT_FALSE(lines.next(line));
  }
}

TEST(LongText, AtLeastOneByteIsAsked) {
  ReaderOptions options;
  options.max_document_bytes = 0;
  EXPECT_THAT(read_error("x.txt", "__label__a x\n", options), HasSubstr("data.max_document_bytes"));
}

TEST(Blocks, TheirSizeChangesNothing) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"x.txt", "\xEF\xBB\xBF__label__a caf\u00e9\r\n\n\u20ac __label__b __label__c\n__label__d \xFFz"},
      {"x.csv", "label,text\r\na,\"x \"\"y\"\",\r\n\r\n\u20ac\"\r\n\r\nb,\u00e9\xFF\"\r\n\"c\",\"\"\r\n"},
      {"x.tsv", "a\tcaf\u00e9\r\nb\t\"\xE2\x82\n\nc\td"},
      {"x.jsonl", "{\"text\":\"caf\u00e9\",\"label\":[\"a\",\"b\"]}\r\n\n{\"label\":1,\"text\":\"\xFF\"}"}};
  ReaderOptions options;
  options.bad_rows = BadRows::replace;
  for (const auto& [name, bytes] : files) {
    const Reading whole = read_text(name, bytes, options);
    EXPECT_GE(whole.documents.size(), 2u);
    EXPECT_EQ(whole.report.replaced, 1) << name;
    for (std::size_t block = 1; block < bytes.size(); ++block) {
      const Reading parts = read_text(name, bytes, options, block);
      ASSERT_EQ(parts.texts(), whole.texts()) << name << " " << block;
      ASSERT_EQ(parts.labels(), whole.labels()) << name << " " << block;
      for (std::size_t i = 0; i < parts.documents.size(); ++i) {
        ASSERT_EQ(parts.documents[i].line, whole.documents[i].line) << name << " " << block;
      }
    }
  }
}

}  // namespace
}  // namespace sluice
