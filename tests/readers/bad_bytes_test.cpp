// Invalid UTF-8, NUL bytes, byte order marks, and files that are no text.
#include "tests/readers/reading.h"

#include <random>

namespace sluice {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

ReaderOptions bad_rows(BadRows choice) {
  ReaderOptions options;
  options.bad_rows = choice;
  return options;
}

TEST(BadBytes, StopNamesFileLineAndColumn) {
  const auto place = [](const std::string& at) { return AllOf(HasSubstr(at), HasSubstr("data.bad_rows")); };
  EXPECT_THAT(read_error("x.txt", "__label__a x\n__label__b caf\xE9\n"), place("x.txt:2:15:"));
  EXPECT_THAT(read_error("x.csv", "label,text\na,\"one\ntw\xFFo\"\n"), place("x.csv:3:3:"));
  EXPECT_THAT(read_error("x.csv", "label,text\na,\"\xFF\n\xFF\"\n"),
              place("x.csv:2:4:"));  // the first of two
  EXPECT_THAT(read_error("x.tsv", "a\tx\0y\n"s), place("x.tsv:1:4:"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\xC3\",\"label\":\"b\"}\n"), place("x.jsonl:1:10:"));
  EXPECT_THAT(read_error("x.csv", "label,text\na,b\nc\xFF\n"),
              place("x.csv:3:2:"));  // before the missing field
}

TEST(BadBytes, SkipLeavesTheRowOutAndCounts) {
  const Reading lines =
      read_text("x.txt", "__label__a x\n__label__b \xE9\n__label__c z\n", bad_rows(BadRows::skip));
  EXPECT_THAT(lines.labels(), ElementsAre("a", "c"));
  EXPECT_EQ(lines.report.skipped, 1);
  EXPECT_EQ(lines.report.rows, 2);
  EXPECT_THAT(lines.report.first_skipped, HasSubstr("x.txt:2:12:"));
  // The first row, which was read to see whether it is a header; a row over several lines; a row bad in two
  // ways.
  const Reading rows =
      read_text("x.csv", "a,\xFF\nb,y\nc,\"\n\0\n\n\"\nd\xFF\ne,z\n"s, bad_rows(BadRows::skip));
  EXPECT_THAT(rows.labels(), ElementsAre("b", "e"));
  EXPECT_EQ(rows.report.skipped, 3);
}

TEST(BadBytes, ReplaceMendsAndCounts) {
  const Reading reading =
      read_text("x.csv", "label,text\na,\"\xFF\n\0\"\nb,y\nc\xC3,\xE2\x82z\n"s, bad_rows(BadRows::replace));
  EXPECT_THAT(reading.texts(), ElementsAre("\uFFFD\n\uFFFD", "y", "\uFFFDz"));
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b", "c\uFFFD"));
  EXPECT_EQ(reading.report.replaced, 2);
  EXPECT_EQ(reading.report.skipped, 0);
  EXPECT_THAT(
      read_text("x.jsonl", "{\"text\":\"\xFF\",\"label\":\"b\"}\n", bad_rows(BadRows::replace)).texts(),
      ElementsAre("\uFFFD"));
}

TEST(BadBytes, GoodTextOfAnyScriptIsNotTouched) {
  const std::string text = "na\u00efve \u4e2d\u6587 \U0001F600 \u0627\u0644";
  EXPECT_THAT(read_text("x.txt", "__label__a " + text + "\n").texts(), ElementsAre(text));
}

TEST(ByteOrderMark, Utf8IsDropped) {
  for (const std::size_t block : {1, 2, 3, 100}) {
    EXPECT_THAT(read_text("x.csv", "\xEF\xBB\xBFlabel,text\na,b\n", {}, block).texts(), ElementsAre("b"));
    EXPECT_THAT(read_text("x.txt", "\xEF\xBB\xBF__label__a b\n", {}, block).labels(), ElementsAre("a"));
    EXPECT_THAT(read_text("x.jsonl", "\xEF\xBB\xBF{\"text\":\"t\",\"label\":\"b\"}", {}, block).texts(),
                ElementsAre("t"));
  }
  // Only at the beginning of the file.
  EXPECT_THAT(read_text("x.csv",
                        "a,b\n\xEF\xBB\xBF"
                        "c,d\n")
                  .labels(),
              ElementsAre("a", "\uFEFFc"));
}

TEST(ByteOrderMark, Utf16IsRefused) {
  for (const BadRows choice : {BadRows::stop, BadRows::skip, BadRows::replace}) {
    EXPECT_THAT(read_error("x.txt", "\xFF\xFE_\0a\0\n\0"s, bad_rows(choice)),
                HasSubstr("x.txt: is text in UTF-16"));
    EXPECT_THAT(read_error("x.txt", "\xFE\xFF\0_\0a\0\n"s, bad_rows(choice)),
                HasSubstr("x.txt: is text in UTF-16"));
  }
}

TEST(NotText, KnownKindsAreNamed) {
  EXPECT_THAT(read_error("x.csv", "PK\x03\x04\x14\0\0\0"s), HasSubstr("x.csv: is a zip archive"));
  EXPECT_THAT(read_error("x.csv",
                         "\xFD"
                         "7zXZ\0\0\x04"s),
              HasSubstr("xz data"));
  EXPECT_THAT(read_error("x.csv", "BZh91AY&SY\x01"), HasSubstr("bzip2 data"));
  EXPECT_THAT(read_error("x.csv", "PAR1\x15\x04"), HasSubstr("Parquet"));
}

TEST(NotText, RandomBytesAreAnErrorWhateverTheFormat) {
  std::mt19937 random(5);
  for (const char* name : {"x.txt", "x.csv", "x.tsv", "x.jsonl"}) {
    for (const BadRows choice : {BadRows::stop, BadRows::skip, BadRows::replace}) {
      std::string bytes(20000, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      EXPECT_THAT(read_error(name, bytes, bad_rows(choice)), HasSubstr(name));
    }
  }
}

}  // namespace
}  // namespace sluice
