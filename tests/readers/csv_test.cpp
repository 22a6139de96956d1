// CSV rows (RFC 4180) and TSV rows.
#include "tests/readers/reading.h"

#include <random>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Csv, QuotesLineBreaksAndDoubledQuotes) {
  const Reading reading = read_text("x.csv",
                                    "label,text\r\n"
                                    "a,plain\r\n"
                                    "b,\"comma, inside\"\r\n"
                                    "c,\"she said \"\"yes\"\"\"\r\n"
                                    "d,\"two\r\nlines\"\r\n"
                                    "e,\"\"\r\n"
                                    "\"f,f\",after\r\n"
                                    "g,last");
  EXPECT_THAT(reading.texts(),
              ElementsAre("plain", "comma, inside", "she said \"yes\"", "two\r\nlines", "", "after", "last"));
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b", "c", "d", "e", "f,f", "g"));
  EXPECT_EQ(reading.documents[3].line, 5);
  EXPECT_EQ(reading.documents[4].line, 7);
}

TEST(Csv, AQuoteInsideAnUnquotedFieldIsItself) {
  EXPECT_THAT(read_text("x.csv", "label,text\na,5\" disk\nb,x\n").texts(), ElementsAre("5\" disk", "x"));
}

TEST(Csv, ACarriageReturnInsideALineIsItself) {
  EXPECT_THAT(read_text("x.csv", "label,text\na,x\ry\r\nb,\"z\r\"\n").texts(), ElementsAre("x\ry", "z\r"));
}

TEST(Csv, BlankLinesAreNoRows) {
  const Reading reading = read_text("x.csv", "label,text\n\r\na,x\n\nb,\"\n\n\"\n\n");
  EXPECT_THAT(reading.texts(), ElementsAre("x", "\n\n"));
}

TEST(Csv, UnbalancedQuoteNamesWhereItOpened) {
  EXPECT_THAT(read_error("x.csv", "label,text\na,x\nb,\"open\nc,y\nd,z\n"),
              HasSubstr("x.csv:3:3: a quote is opened here"));
  ReaderOptions options;  // it swallows all that follows: never a row to skip
  options.bad_rows = BadRows::skip;
  EXPECT_THAT(read_error("x.csv", "label,text\na,x\nb,\"open\nc,y\n", options), HasSubstr("x.csv:3:3:"));
  EXPECT_THAT(read_error("x.csv", "label,text\na,x\nb,\"open\nc,\xFF\n", options), HasSubstr("x.csv:3:3:"));
}

TEST(Csv, TextAfterAClosingQuote) {
  EXPECT_THAT(read_error("x.csv", "label,text\na,\"he said \"no\" again\"\n"),
              HasSubstr("x.csv:2:13: text after the closing quote of the field that begins at 2:3"));
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  const Reading reading = read_text("x.csv", "label,text\na,\"q\"q\nb,y\n", options);
  EXPECT_THAT(reading.texts(), ElementsAre("y"));
  EXPECT_EQ(reading.report.skipped, 1);
}

TEST(Csv, WrongNumberOfFields) {
  EXPECT_THAT(read_error("x.csv", "label,text\na,x\nb\n"),
              HasSubstr("x.csv:3:2: 1 field where 2 are expected"));
  EXPECT_THAT(read_error("x.csv", "label,text\na,x, y\n"),
              HasSubstr("x.csv:2:5: 3 fields where 2 are expected"));
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  const Reading reading = read_text("x.csv", "label,text\na\nb,y\nc,z,z\n", options);
  EXPECT_THAT(reading.texts(), ElementsAre("y"));
  EXPECT_EQ(reading.report.skipped, 2);
  EXPECT_THAT(reading.report.first_skipped, HasSubstr("x.csv:2:2: 1 field"));
}

TEST(Csv, ReplaceDoesNotMendBrokenRows) {
  ReaderOptions options;
  options.bad_rows = BadRows::replace;
  EXPECT_THAT(read_error("x.csv", "label,text\na\n", options), HasSubstr("x.csv:2:2: 1 field"));
}

TEST(Csv, EmptyLabel) {
  EXPECT_THAT(read_error("x.csv", "text,label\nfoo, \n"), HasSubstr("x.csv:2:5: empty label"));
  EXPECT_THAT(read_text("x.csv", "text,label\nfoo,\n", unlabelled()).labels(), ElementsAre(""));
}

TEST(Csv, LabelsAreOneLine) {
  EXPECT_THAT(read_error("x.csv", "text,label\nfoo,\"a\nb\"\n"),
              HasSubstr("x.csv:2:5: control character in label 'a\\x0ab'"));
  EXPECT_THAT(read_error("x.csv", "label,text\n" + std::string(1001, 'a') + ",b\n"), HasSubstr("swapped?"));
}

TEST(Csv, LabelSeparator) {
  ReaderOptions options;
  options.label_separator = "|";
  EXPECT_THAT(read_text("x.csv", "label,text\na | b,x\nc,y\n", options).labels(), ElementsAre("a+b", "c"));
  EXPECT_THAT(read_error("x.csv", "label,text\na||b,x\n", options), HasSubstr("x.csv:2:1: empty label"));
  EXPECT_THAT(read_text("x.csv", "label,text\na|b,x\n").labels(), ElementsAre("a|b"));
  options.label_separator = ", ";
  EXPECT_THAT(read_text("x.csv", "label,text\n\"a, b\",x\n", options).labels(), ElementsAre("a+b"));
}

TEST(Tsv, KnowsNoQuotes) {
  const Reading reading = read_text("x.tsv", "label\ttext\na\t\"open\nb\t\"\"\r\nc\ta, b\n");
  EXPECT_THAT(reading.texts(), ElementsAre("\"open", "\"\"", "a, b"));
}

TEST(Tsv, WrongNumberOfFields) {
  EXPECT_THAT(read_error("x.tsv", "label\ttext\na\n"), HasSubstr("x.tsv:2:2: 1 field"));
  EXPECT_THAT(read_error("x.tsv", "label\ttext\na\tb\tc\n"), HasSubstr("x.tsv:2:5: 3 fields"));
}

// A field as RFC 4180 writes it: quoted where it must be, and sometimes where it need not.
std::string as_csv(const std::string& field, bool quote) {
  if (!quote && field.find_first_of("\",\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

TEST(Csv, ReadsBackWhatRfc4180Writes) {
  std::mt19937 random(11);
  const std::vector<std::string> alphabet = {"a",  "b",    " ",        "\"",           ",", "\r",
                                             "\n", "\r\n", "\xC3\xA9", "\xE2\x82\xAC", "\t"};
  const auto field = [&] {
    std::string out;
    for (auto left = random() % 12; left > 0; --left) out += alphabet[random() % alphabet.size()];
    return out;
  };
  ReaderOptions options = unlabelled(FileFormat::csv);
  options.text_columns = {"one", "two"};
  options.header = HeaderRow::yes;
  for (int round = 0; round < 300; ++round) {
    const std::string line_end = random() % 2 == 0 ? "\n" : "\r\n";
    std::string bytes = "two,other,one" + line_end;
    std::vector<std::string> expected;
    for (auto rows = 1 + random() % 5; rows > 0; --rows) {
      const std::string one = field();
      const std::string two = field();
      bytes += as_csv(two, random() % 2) + "," + as_csv(field(), random() % 2) + "," +
               as_csv(one, random() % 2) + line_end;
      expected.push_back(one + " " + two);
    }
    if (random() % 2 == 0) bytes.resize(bytes.size() - line_end.size());
    const std::size_t block = 1 + random() % 9;
    ASSERT_EQ(read_text("x.csv", bytes, options, block).texts(), expected) << bytes;
  }
}

}  // namespace
}  // namespace sluice
