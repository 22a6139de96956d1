// Which columns of a CSV or TSV file are the text and the label.
#include "tests/readers/reading.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ReaderOptions columns(std::vector<std::string> text, std::string label,
                      HeaderRow header = HeaderRow::automatic) {
  ReaderOptions options;
  options.text_columns = std::move(text);
  options.label_column = std::move(label);
  options.header = header;
  return options;
}

TEST(Header, IsUsedWhenItNamesTheColumns) {
  const Reading reading = read_text("x.csv", "id,text, label \n1,foo,a\n2,bar,b\n");
  EXPECT_THAT(reading.texts(), ElementsAre("foo", "bar"));
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b"));
  EXPECT_EQ(reading.documents[0].line, 2);
  EXPECT_THAT(reading.report.notes, IsEmpty());
}

TEST(Header, SeveralTextColumnsAreJoinedInTheirOrder) {
  const Reading reading = read_text("x.csv", "class,title,description\n1,A title,Words.\n2,,Only words.\n",
                                    columns({"title", "description"}, "class"));
  EXPECT_THAT(reading.texts(), ElementsAre("A title Words.", " Only words."));
  EXPECT_THAT(read_text("x.csv", "class,title,description\n1,A title,Words.\n",
                        columns({"description", "title"}, "class"))
                  .texts(),
              ElementsAre("Words. A title"));
}

TEST(Header, NoneMeansLabelThenTextAndANote) {
  const Reading reading = read_text("x.tsv", "earn\tprofit rose\nacq\tbought\n");
  EXPECT_THAT(reading.texts(), ElementsAre("profit rose", "bought"));
  EXPECT_THAT(reading.labels(), ElementsAre("earn", "acq"));
  EXPECT_EQ(reading.documents[0].line, 1);
  EXPECT_THAT(
      reading.report.notes,
      ElementsAre(
          "x.tsv: two columns, label then text, assumed: the first row does not name 'text' and 'label'"));
}

TEST(Header, NoIsObeyed) {
  const Reading reading = read_text("x.csv", "label,text\na,b\n", columns({"text"}, "label", HeaderRow::no));
  EXPECT_THAT(reading.texts(), ElementsAre("text", "b"));
  EXPECT_THAT(reading.report.notes, ElementsAre(HasSubstr("data.header=no")));
}

TEST(Header, YesIsObeyed) {
  EXPECT_THAT(read_error("x.csv", "klass,words\na,b\n", columns({"text"}, "label", HeaderRow::yes)),
              AllOf(HasSubstr("x.csv:1:1: no column 'text'"), HasSubstr("'klass', 'words'")));
}

TEST(Header, ThatNamesHalfIsAnErrorWithTheNearestName) {
  EXPECT_THAT(
      read_error("x.csv", "label,Txet\na,b\n"),
      AllOf(HasSubstr("x.csv:1:1: no column 'text'"), HasSubstr("'label', 'Txet'"),
            HasSubstr("nearest: 'Txet'"), HasSubstr("data.text_column"), HasSubstr("data.header=no")));
  EXPECT_THAT(
      read_error("x.csv", "labels,text\na,b\n"),
      AllOf(HasSubstr("no column 'label'"), HasSubstr("nearest: 'labels'"), HasSubstr("data.label_column")));
  EXPECT_THAT(
      read_error("x.csv", "class,title,description\n1,a,b\n", columns({"title", "descripton"}, "class")),
      AllOf(HasSubstr("no column 'descripton'"), HasSubstr("nearest: 'description'")));
}

TEST(Header, NearestNameIgnoresCase) {
  EXPECT_THAT(read_error("x.csv", "label,tent,TEXT\na,b,c\n"), HasSubstr("nearest: 'TEXT'"));
}

TEST(Header, NamedColumnsAreNeverAssumed) {
  EXPECT_THAT(read_error("x.csv", "sentiment,review\na,b\n", columns({"reviews"}, "sentiments")),
              AllOf(HasSubstr("no column 'reviews'"), HasSubstr("nearest: 'review'")));
}

TEST(Header, MoreColumnsThanTwoNeedNames) {
  EXPECT_THAT(read_error("x.csv", "class_index,title,description\n1,a,b\n"),
              AllOf(HasSubstr("x.csv:1:1:"), HasSubstr("'class_index', 'title', 'description'"),
                    HasSubstr("data.text_column")));
  EXPECT_THAT(read_error("x.csv", "only text\nmore\n"), HasSubstr("x.csv:1:1:"));
}

TEST(Header, TheSameNameTwice) {
  EXPECT_THAT(read_error("x.csv", "label,text,text\na,b,c\n"), HasSubstr("two columns are called 'text'"));
  EXPECT_THAT(read_text("x.csv", "label,text,id,id\na,b,c,d\n").texts(), ElementsAre("b"));
}

TEST(Header, LongListsAreCut) {
  std::string header = "label";
  for (int i = 0; i < 50; ++i) header += ",column_" + std::to_string(i);
  EXPECT_THAT(read_error("x.csv", header + "\n"),
              AllOf(HasSubstr("'column_8' and 41 more"), testing::Not(HasSubstr("nearest:"))));
  EXPECT_THAT(read_error("x.csv", "\"a\nb\",label\n"), HasSubstr("'a\\x0ab'"));
}

TEST(Header, ItsFirstRowMustBeSound) {
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  EXPECT_THAT(read_error("x.csv", "label,\"text\"x\na,b\n", options), HasSubstr("x.csv:1:13: text after"));
  EXPECT_THAT(read_error("x.csv", "label,text,\xFF\na,b,c\n", options), HasSubstr("x.csv:1:12: the header"));
  // Bytes that are no text are named before columns are missed.
  EXPECT_THAT(read_error("x.csv", "\"\xFF\"\"x,y\n"), HasSubstr("x.csv:1:2: byte 0xff"));
  EXPECT_THAT(read_error("x.csv", "\xFF,b,c\n"), HasSubstr("x.csv:1:1: byte 0xff"));
  EXPECT_THAT(read_error("x.csv", std::string(10001, ',')),
              HasSubstr("x.csv:1:10001: more than 10000 columns"));
}

TEST(Header, UnlabelledNeedsNoLabelColumn) {
  EXPECT_THAT(read_text("x.csv", "id,text\n1,foo\n", unlabelled()).texts(), ElementsAre("foo"));
  const Reading labelled = read_text("x.csv", "label,text\na,foo\n", unlabelled());
  EXPECT_THAT(labelled.labels(), ElementsAre("a"));
  const Reading bare = read_text("x.csv", "foo\n\"bar, baz\"\n", unlabelled());
  EXPECT_THAT(bare.texts(), ElementsAre("foo", "bar, baz"));
  EXPECT_THAT(bare.report.notes, ElementsAre(HasSubstr("one column, the text, assumed")));
  EXPECT_THAT(read_text("x.csv", "a,foo\nb,bar\n", unlabelled()).labels(), ElementsAre("a", "b"));
}

TEST(Header, OptionsThatContradict) {
  EXPECT_THAT(read_error("x.csv", "a,b\n", columns({}, "label")), HasSubstr("data.text_column"));
  EXPECT_THAT(read_error("x.csv", "a,b\n", columns({"label"}, "label")), HasSubstr("data.text_column"));
  EXPECT_THAT(read_error("x.csv", "a,b\n", columns({"text", "text"}, "label")),
              HasSubstr("data.text_column"));
}

}  // namespace
}  // namespace sluice
