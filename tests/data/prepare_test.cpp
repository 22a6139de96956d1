#include "host/data/prepare.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/data/support.h"

namespace sluice {
namespace {

using sluice::testing::bytes_of;
using sluice::testing::error_of;
using sluice::testing::labels;
using sluice::testing::plain_options;
using sluice::testing::words;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Prepare : public ::testing::Test {
 protected:
  Corpus prepared(const PrepareOptions& options, int threads = 2) {
    return prepare_file(options, {.threads = threads}, out());
  }
  std::string out() const { return folder_.path() + "/out.corpus"; }

  sluice::testing::TempFolder folder_;
};

TEST_F(Prepare, KeepsTokensLabelsAndPlaces) {
  PrepareOptions options = plain_options({folder_.write("one.tsv", "sport\tthe ball the\nnews\tpress\n"),
                                          folder_.write("two.tsv", "\nnews\tthe Press\n")});
  options.test = {folder_.write("test.tsv", "sport\tball lost\n")};
  const Corpus corpus = prepared(options);
  ASSERT_EQ(corpus.documents(), 4);
  EXPECT_EQ(words(corpus, 0), "the ball the");
  EXPECT_EQ(words(corpus, 1), "press");
  EXPECT_EQ(words(corpus, 2), "the press");
  EXPECT_EQ(words(corpus, 3), "ball <unk>");
  EXPECT_THAT(corpus.labels(), ElementsAre("news", "sport"));
  EXPECT_EQ(labels(corpus, 0), "sport");
  EXPECT_EQ(labels(corpus, 1), "news");
  EXPECT_EQ(labels(corpus, 3), "sport");
  EXPECT_EQ(corpus.place(1).file, options.train[0]);
  EXPECT_EQ(corpus.place(1).line, 2);
  EXPECT_EQ(corpus.place(2).file, options.train[1]);
  EXPECT_EQ(corpus.place(2).line, 2);
  EXPECT_EQ(corpus.place(3).file, options.test[0]);
  EXPECT_EQ(corpus.meta().types, 3);
  EXPECT_EQ(corpus.meta().vocabulary, 4);
  EXPECT_EQ(corpus.part(Part::test).begin, 3);
  EXPECT_EQ(corpus.figures(Part::test).unknown_tokens, 1);
  EXPECT_THAT(corpus.class_counts(Part::train), ElementsAre(2, 1));
  EXPECT_THAT(corpus.class_counts(Part::test), ElementsAre(0, 1));
  const Vocabulary vocabulary = sluice::testing::vocabulary_of(corpus);
  ASSERT_EQ(corpus.token_counts().size(), 4u);
  EXPECT_EQ(corpus.token_counts()[static_cast<size_t>(vocabulary.id("the"))], 3u);
  EXPECT_EQ(corpus.token_counts()[static_cast<size_t>(vocabulary.id("ball"))], 1u) << "test does not count";
  EXPECT_EQ(corpus.token_counts()[0], 0u);
}

TEST_F(Prepare, SameBytesForAnyNumberOfThreads) {
  PrepareOptions options = plain_options({folder_.write("train.tsv", sluice::testing::tsv(20000))});
  options.test = {folder_.write("test.tsv", sluice::testing::tsv(3000))};
  options.valid_share = 0.1;
  options.min_count = 3;
  prepared(options, 1);
  const std::string one = bytes_of(out());
  for (const int threads : {2, 5}) {
    prepared(options, threads);
    EXPECT_TRUE(bytes_of(out()) == one) << threads;
  }
}

TEST_F(Prepare, VocabularyIsThatOfTheTrainingPart) {
  PrepareOptions options =
      plain_options({folder_.write("train.tsv", "a\tred red blue\nb\tblue red green\n")});
  options.valid = {folder_.write("valid.tsv", "a\tgreen green green white\n")};
  options.min_count = 2;
  EXPECT_EQ(words(prepared(options), 1), "blue red <unk>");
  options.max_vocabulary = 2;
  const Corpus corpus = prepared(options);
  EXPECT_EQ(words(corpus, 0), "red red <unk>");
  EXPECT_EQ(words(corpus, 2), "<unk> <unk> <unk> <unk>");
  EXPECT_EQ(corpus.meta().types, 3);
}

TEST_F(Prepare, WordsOfDocumentsSetAsideDoNotCount) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += fmt::format("{}\tcommon only{} \n", i % 2, i);
  PrepareOptions options = plain_options({folder_.write("train.tsv", text)});
  options.valid_share = 0.25;
  const Corpus corpus = prepared(options);
  EXPECT_EQ(corpus.figures(Part::train).documents, 75);
  EXPECT_EQ(corpus.figures(Part::valid).documents, 25);
  EXPECT_EQ(corpus.meta().types, 76);
  EXPECT_EQ(corpus.meta().vocabulary, 77);
  const DocumentRange valid = corpus.part(Part::valid);
  for (int64_t d = valid.begin; d < valid.end; ++d) EXPECT_EQ(words(corpus, d), "common <unk>");
}

TEST_F(Prepare, SplitHangsOnTheSeedAndTakesItsShareOfEachStretch) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("{}\tword{} \n", i / 500, i);
  PrepareOptions options = plain_options({folder_.write("train.tsv", text)});
  options.valid_share = 0.1;
  const auto lines = [&](uint64_t seed) {
    options.seed = seed;
    const Corpus corpus = prepared(options);
    EXPECT_THAT(corpus.class_counts(Part::valid), ElementsAre(50, 50));
    std::vector<int64_t> all;
    for (int64_t d = corpus.part(Part::valid).begin; d < corpus.documents(); ++d)
      all.push_back(corpus.place(d).line);
    return all;
  };
  const std::vector<int64_t> first = lines(1);
  EXPECT_EQ(lines(1), first);
  EXPECT_NE(lines(2), first);
}

TEST_F(Prepare, SeveralLabelsADocument) {
  PrepareOptions options =
      plain_options({folder_.write("train.ft", "__label__b __label__a x\n__label__c y\n")});
  options.test = {folder_.write("test.ft", "__label__z __label__a x\n")};
  const Corpus corpus = prepared(options);
  EXPECT_EQ(corpus.meta().multi_label, 1);
  EXPECT_EQ(labels(corpus, 0), "a,b");
  EXPECT_EQ(labels(corpus, 1), "c");
  EXPECT_EQ(labels(corpus, 2), "a,z");
  EXPECT_EQ(corpus.known_classes(2).size(), 1u);
  EXPECT_THAT(corpus.class_counts(Part::train), ElementsAre(1, 1, 1, 0));
}

TEST_F(Prepare, LabelsThatTrainingNeverHadComeLastAndAreCounted) {
  PrepareOptions options = plain_options({folder_.write("train.tsv", "m\tx\nn\ty\n")});
  options.test = {folder_.write("test.tsv", "z\tx\na\tx\nm\tx\nz\ty\n")};
  const Corpus corpus = prepared(options);
  EXPECT_EQ(corpus.meta().classes, 2);
  EXPECT_EQ(corpus.meta().multi_label, 0);
  EXPECT_THAT(corpus.labels(), ElementsAre("m", "n", "z", "a"));
  EXPECT_THAT(corpus.classes(2), ElementsAre(2));
  EXPECT_TRUE(corpus.known_classes(2).empty());
  EXPECT_THAT(corpus.known_classes(4), ElementsAre(0));
  EXPECT_EQ(corpus.figures(Part::test).unknown_labels, 3);
  EXPECT_THAT(describe(corpus), ::testing::Contains("test: 3 documents with a label that training never had "
                                                    "('z', 'a'): these count as wrong"));
  EXPECT_THAT(describe(corpus), ::testing::Contains("        0        2  z"));
}

TEST_F(Prepare, CountsEmptyAndTruncatedDocumentsAndTwins) {
  PrepareOptions options =
      plain_options({folder_.write("train.tsv", "a\tone two\nb\t\na\tone two three four five\n")});
  options.test = {folder_.write("test.tsv", "b\tone  two\nb\t\na\ttwo one\nb\tone two three\na\tonet wo\n")};
  options.text.max_tokens = 3;
  options.text.truncate = "tail";
  const Corpus corpus = prepared(options);
  EXPECT_EQ(corpus.figures(Part::train).empty_documents, 1);
  EXPECT_EQ(corpus.figures(Part::train).truncated_documents, 1);
  EXPECT_EQ(corpus.figures(Part::train).dropped_tokens, 2);
  EXPECT_EQ(corpus.dropped_tokens(2), 2);
  EXPECT_EQ(words(corpus, 2), "three four five");
  EXPECT_EQ(corpus.length(1), 0);
  EXPECT_EQ(corpus.figures(Part::test).empty_documents, 1);
  EXPECT_EQ(corpus.figures(Part::test).in_train, 1) << "empty documents and other words are no twins";
}

TEST_F(Prepare, HeadTruncationEstimatesWhatItNeverRead) {
  std::string text = "a\t";
  for (int i = 0; i < 1000; ++i) text += "word ";
  PrepareOptions options = plain_options({folder_.write("train.tsv", text + "\nb\tx\n")});
  options.text.max_tokens = 100;
  const Corpus corpus = prepared(options);
  EXPECT_EQ(corpus.length(0), 100);
  EXPECT_NEAR(corpus.dropped_tokens(0), 900, 20);
}

TEST_F(Prepare, SkippedAndMendedRowsAreCountedWithTheFirstNamed) {
  PrepareOptions options = plain_options({folder_.write("train.tsv", "a\tx\nb\tbad\xff\nb\ty\n")});
  options.reader.bad_rows = BadRows::skip;
  const Corpus skipped = prepared(options);
  EXPECT_EQ(skipped.documents(), 2);
  EXPECT_EQ(skipped.figures(Part::train).rows_skipped, 1);
  EXPECT_THAT(describe(skipped), ::testing::Contains(HasSubstr("train.tsv:2:")));
  options.reader.bad_rows = BadRows::replace;
  EXPECT_EQ(prepared(options).figures(Part::train).rows_replaced, 1);
}

TEST_F(Prepare, MistakesAreToldInOneLineAndLeaveNothingBehind) {
  const auto error = [&](const PrepareOptions& options) { return error_of([&] { prepared(options); }); };
  const std::string good = folder_.write("good.tsv", "a\tx\nb\ty\n");
  EXPECT_THAT(error(plain_options({})), StartsWith("2: no training file"));
  EXPECT_THAT(error(plain_options({folder_.path() + "/missing.tsv"})), StartsWith("2: "));
  EXPECT_THAT(error(plain_options({folder_.write("one.tsv", "a\tx\na\ty\n")})),
              HasSubstr("have the label 'a'"));
  PrepareOptions options = plain_options({good});
  options.test = {folder_.write("bad.tsv", "a\tx\nb\xff\ty\n")};
  EXPECT_THAT(error(options), HasSubstr("bad.tsv:2:"));
  options = plain_options({good});
  options.min_count = 0;
  EXPECT_THAT(error(options), HasSubstr("text.min_count is 0"));
  options = plain_options({good});
  options.max_vocabulary = 1;
  EXPECT_THAT(error(options), HasSubstr("text.max_vocabulary is 1"));
  for (const double share : {-0.1, 1.0, std::nan("")}) {
    options = plain_options({good});
    options.valid_share = share;
    EXPECT_THAT(error(options), HasSubstr("data.valid_share is"));
  }
  EXPECT_THAT(folder_.names(), ::testing::UnorderedElementsAre("good.tsv", "one.tsv", "bad.tsv"));
}

TEST_F(Prepare, ProgressMayStopIt) {
  PrepareRun run{.threads = 2, .progress = [](int64_t documents) {
                   if (documents > 2000) throw Failure("stopped");
                 }};
  const PrepareOptions options = plain_options({folder_.write("train.tsv", sluice::testing::tsv(20000))});
  EXPECT_EQ(error_of([&] { prepare_file(options, run, out()); }), "1: stopped");
  EXPECT_THAT(folder_.names(), ElementsAre("train.tsv"));
}

TEST_F(Prepare, AModelsEncodingReadsOtherFilesAlike) {
  PrepareOptions options = plain_options({folder_.write("train.tsv", "b\tred blue\na\tgreen\n")});
  options.test = {folder_.write("test.tsv", "a\tblue white\nq\tred\n\n")};
  const Corpus whole = prepared(options);
  TrainedEncoding encoding{options.text, sluice::testing::vocabulary_of(whole), {"a", "b"}, false};
  const Corpus alone = prepare_for_model(options.test, options.reader, encoding, {});
  ASSERT_EQ(alone.documents(), whole.figures(Part::test).documents);
  const int64_t first = whole.part(Part::test).begin;
  for (int64_t d = 0; d < alone.documents(); ++d) {
    EXPECT_THAT(alone.tokens(d), ::testing::ElementsAreArray(whole.tokens(first + d)));
    EXPECT_THAT(alone.classes(d), ::testing::ElementsAreArray(whole.classes(first + d)));
  }
  EXPECT_EQ(alone.meta().classes, 2);
  EXPECT_EQ(alone.part(Part::test).size(), 2);
  EXPECT_EQ(alone.figures(Part::test).unknown_labels, 1);
}

TEST_F(Prepare, ClassWeightsAndMajority) {
  PrepareOptions options = plain_options({folder_.write("train.tsv", "a\tx\na\tx\na\tx\nb\ty\n")});
  options.test = {folder_.write("test.tsv", "a\tx\nb\ty\nc\ty\nb\ty\n")};
  const Corpus corpus = prepared(options);
  EXPECT_THAT(balanced_class_weights(corpus),
              ElementsAre(::testing::FloatEq(4.0f / 6), ::testing::FloatEq(2.0f)));
  EXPECT_EQ(majority_share(corpus, Part::test), 0.25);
  EXPECT_TRUE(std::isnan(majority_share(corpus, Part::valid)));
}

}  // namespace
}  // namespace sluice
