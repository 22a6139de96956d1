// fastText lines and plain lines.
#include "tests/readers/reading.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Fasttext, LabelsStandAnywhereOnTheLine) {
  const Reading reading = read_text("x.txt",
                                    "__label__a first text\n"
                                    "__label__a __label__b two labels\n"
                                    "label __label__c inside\n"
                                    "at the end __label__d\n"
                                    "not__label__e a\t__label__f  label \r\n"
                                    "__label__g");
  EXPECT_THAT(reading.labels(), ElementsAre("a", "a+b", "c", "d", "f", "g"));
  EXPECT_THAT(reading.texts(), ElementsAre("first text", "two labels", "label inside", "at the end",
                                           "not__label__e a label", ""));
  EXPECT_EQ(reading.documents[2].line, 3);
  EXPECT_EQ(reading.report.rows, 6);
}

TEST(Fasttext, KeepsTheInsideOfATextAsItIs) {
  EXPECT_THAT(read_text("x.ft", "__label__a  two  blanks\tand a tab \n").texts(),
              ElementsAre("two  blanks\tand a tab"));
}

TEST(Fasttext, BlankLinesAreNoRows) {
  const Reading reading = read_text("x.txt", "\n__label__a x\n \t\r\n\n__label__b y\n");
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b"));
  EXPECT_EQ(reading.documents[1].line, 5);
}

TEST(Fasttext, ALabelTwiceIsOneLabel) {
  EXPECT_THAT(read_text("x.txt", "__label__a __label__b __label__a x\n").labels(), ElementsAre("a+b"));
}

TEST(Fasttext, OtherPrefix) {
  ReaderOptions options;
  options.label_prefix = "#";
  EXPECT_THAT(read_text("x.txt", "#a __label__b\n", options).labels(), ElementsAre("a"));
  options.label_prefix = "";
  EXPECT_THAT(read_error("x.txt", "#a b\n", options), HasSubstr("data.label_prefix"));
  options.label_prefix = "a b";
  EXPECT_THAT(read_error("x.txt", "#a b\n", options), HasSubstr("data.label_prefix"));
}

TEST(Fasttext, ErrorsNameLineAndColumn) {
  EXPECT_THAT(read_error("x.txt", "__label__a x\nno label here\n"), HasSubstr("x.txt:2:1: no label"));
  EXPECT_THAT(read_error("x.txt", "__label__a x\nfoo __label__ bar\n"), HasSubstr("x.txt:2:5: empty label"));
}

TEST(Fasttext, UnlabelledKeepsOneDocumentALine) {
  const Reading reading = read_text("x.txt", "a\n\n__label__b c\n", unlabelled());
  EXPECT_THAT(reading.texts(), ElementsAre("a", "", "c"));
  EXPECT_THAT(reading.labels(), ElementsAre("", "", "b"));
}

TEST(Fasttext, BuffersOfADocumentAreReused) {
  const std::string bytes = "__label__a __label__b long text\n__label__c x\n";
  DocumentReader reader = read_documents("x.txt", bytes, {});
  Document document;
  ASSERT_TRUE(reader.next(document));
  ASSERT_TRUE(reader.next(document));
  EXPECT_THAT(document.labels, ElementsAre("c"));
  EXPECT_EQ(document.text, "x");
  EXPECT_FALSE(reader.next(document));
  EXPECT_FALSE(reader.next(document));
}

TEST(Lines, EachLineIsAText) {
  const Reading reading = read_text("x", " one \r\n\n__label__a two\nlast", unlabelled());
  EXPECT_THAT(reading.texts(), ElementsAre(" one ", "", "__label__a two", "last"));
  EXPECT_THAT(reading.labels(), ElementsAre("", "", "", ""));
}

TEST(Lines, HaveNoLabels) {
  ReaderOptions options;
  options.format = FileFormat::lines;
  EXPECT_THAT(read_error("x", "a\n", options), HasSubstr("--format"));
}

}  // namespace
}  // namespace sluice
