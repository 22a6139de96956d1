#include "host/data/corpus_batches.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>

#include "tests/data/support.h"

namespace sluice {
namespace {

using sluice::testing::plain_options;
using ::testing::ElementsAre;

class Batches : public ::testing::Test {
 protected:
  Corpus make(const std::string& train, const std::string& test = "", const std::string& extension = "tsv") {
    PrepareOptions options = plain_options({folder_.write("train." + extension, train)});
    if (!test.empty()) options.test = {folder_.write("test." + extension, test)};
    options.text.max_tokens = 15;
    return prepare_file(options, {}, folder_.path() + "/corpus");
  }
  static std::vector<HostBatch> all(CorpusBatches& source, int epoch, int64_t skip = 0) {
    std::vector<HostBatch> batches;
    source.start(epoch, skip);
    for (HostBatch batch; source.next(batch);) batches.push_back(std::move(batch));
    return batches;
  }

  sluice::testing::TempFolder folder_;
};

bool equal(const HostBatch& a, const HostBatch& b) {
  return a.ids == b.ids && a.lengths == b.lengths && a.documents == b.documents && a.labels == b.labels &&
         a.targets == b.targets && a.distinct == b.distinct && a.segment_rows == b.segment_rows;
}

TEST_F(Batches, HoldEachDocumentsOwnTokensAndLabelOnce) {
  const Corpus corpus = make(sluice::testing::tsv(1000));
  for (const Layout layout : {Layout::packed, Layout::padded, Layout::bucketed}) {
    CorpusBatches source(corpus, Part::train, {.tokens = 200, .sequences = 16}, layout);
    std::vector<int> seen(1000);
    const std::vector<HostBatch> batches = all(source, 0);
    EXPECT_EQ(static_cast<int64_t>(batches.size()), source.batches());
    for (const HostBatch& batch : batches) {
      EXPECT_EQ(batch.layout, layout);
      for (int b = 0; b < batch.sequences; ++b) {
        const auto i = static_cast<size_t>(b);
        const int32_t d = batch.documents[i];
        ++seen[static_cast<size_t>(d)];
        std::vector<int32_t> tokens;
        for (int t = 0; t < batch.lengths[i]; ++t)
          tokens.push_back(batch.ids[static_cast<size_t>(batch.row(t, b))]);
        EXPECT_THAT(tokens, ::testing::ElementsAreArray(corpus.tokens(d)));
        EXPECT_EQ(batch.labels[i], corpus.classes(d)[0]);
      }
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 1000);
  }
}

TEST_F(Batches, BothLayoutsGiveTheSameBatches) {
  const Corpus corpus = make(sluice::testing::tsv(500));
  CorpusBatches packed(corpus, Part::train, {.tokens = 100}, Layout::packed);
  CorpusBatches padded(corpus, Part::train, {.tokens = 100}, Layout::padded);
  const auto a = all(packed, 2), b = all(padded, 2);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].documents, b[i].documents);
}

TEST_F(Batches, MaxShapeHoldsInEveryPassAndIsReached) {
  const Corpus corpus = make(sluice::testing::tsv(700));
  for (const Layout layout : {Layout::packed, Layout::padded, Layout::bucketed}) {
    for (const int64_t tokens : {4, 60, 500}) {
      CorpusBatches source(corpus, Part::train, {.tokens = tokens, .sequences = 20, .bigram_buckets = 64},
                           layout);
      const MaxShape max = source.max_shape();
      int sequences = 0, steps = 0;
      for (int epoch = 0; epoch < 3; ++epoch) {
        for (const HostBatch& batch : all(source, epoch)) {
          EXPECT_LE(batch.rows, max.rows);
          EXPECT_LE(static_cast<int>(batch.distinct.size()), max.distinct);
          EXPECT_LE(static_cast<int>(batch.bigrams->distinct.size()), max.bigrams);
          sequences = std::max(sequences, batch.sequences);
          steps = std::max(steps, batch.steps);
        }
      }
      EXPECT_EQ(sequences, max.sequences);  // the empty documents fill a batch
      EXPECT_EQ(steps, max.steps);
      if (layout == Layout::bucketed) continue;  // rows are a bound only
      EXPECT_EQ(max.rows, std::max<int64_t>(tokens, 15) > 300 ? 300 : std::max<int64_t>(tokens, 15));
    }
  }
}

TEST_F(Batches, MaxShapeOfAPackedBatchIsNoMoreThanTheTokensThereAre) {
  const Corpus corpus = make("a\tx y z\nb\tx\na\t\n");
  EXPECT_EQ(CorpusBatches(corpus, Part::train, {}, Layout::packed).max_shape().rows, 4);
  EXPECT_EQ(CorpusBatches(corpus, Part::train, {}, Layout::padded).max_shape().rows, 9);
}

TEST_F(Batches, SkippingEqualsDroppingTheFirstBatches) {
  const Corpus corpus = make(sluice::testing::tsv(600));
  CorpusBatches source(corpus, Part::train, {.tokens = 150, .seed = 5}, Layout::packed);
  const auto whole = all(source, 4);
  for (const size_t skip : {size_t{1}, size_t{10}, whole.size()}) {
    CorpusBatches resumed(corpus, Part::train, {.tokens = 150, .seed = 5}, Layout::packed);
    const auto rest = all(resumed, 4, static_cast<int64_t>(skip));
    ASSERT_EQ(rest.size() + skip, whole.size());
    for (size_t i = 0; i < rest.size(); ++i) EXPECT_TRUE(equal(rest[i], whole[skip + i])) << i;
    EXPECT_EQ(resumed.batches(), static_cast<int64_t>(whole.size()));
  }
}

TEST_F(Batches, APassMayBeLeftAndAnotherBegun) {
  const Corpus corpus = make(sluice::testing::tsv(600));
  CorpusBatches source(corpus, Part::train, {.tokens = 50}, Layout::packed);
  const auto expected = all(source, 1);
  HostBatch batch;
  source.start(0);
  ASSERT_TRUE(source.next(batch));
  const auto again = all(source, 1);
  ASSERT_EQ(again.size(), expected.size());
  for (size_t i = 0; i < again.size(); ++i) EXPECT_TRUE(equal(again[i], expected[i]));
  source.start(3);  // left for the destructor
  CorpusBatches unused(corpus, Part::train, {}, Layout::packed);
  EXPECT_FALSE(unused.next(batch)) << "no pass begun";
}

TEST_F(Batches, FiguresCountWhatWasHandedOut) {
  const Corpus corpus = make("a\tx x x\nb\t1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\na\t\n");
  CorpusBatches source(corpus, Part::train, {.order = BatchOrder::in_order}, Layout::packed);
  EXPECT_EQ(all(source, 0).size(), 1u);
  EXPECT_EQ(source.figures().documents, 3);
  EXPECT_EQ(source.figures().tokens, 18);
  EXPECT_EQ(source.figures().padded_rows, 3 * 15 - 18);
  EXPECT_NEAR(static_cast<double>(source.figures().dropped_tokens), 2, 1);
  source.start(1);
  EXPECT_EQ(source.figures().documents, 0);
}

TEST_F(Batches, SeveralLabelsMakeTargetsOfTheKnownOnes) {
  const Corpus corpus =
      make("__label__a __label__c x\n__label__b y\n", "__label__a __label__new x\n__label__new y\n", "ft");
  CorpusBatches train(corpus, Part::train, {.order = BatchOrder::in_order}, Layout::packed);
  EXPECT_THAT(all(train, 0)[0].targets, ElementsAre(1, 0, 1, 0, 1, 0));
  CorpusBatches test(corpus, Part::test, {.order = BatchOrder::in_order}, Layout::packed);
  const auto batches = all(test, 0);
  EXPECT_THAT(batches[0].targets, ElementsAre(1, 0, 0, 0, 0, 0));
  EXPECT_THAT(batches[0].documents, ElementsAre(2, 3));
}

TEST_F(Batches, ALabelThatTrainingNeverHadIsMinusOne) {
  const Corpus corpus = make("a\tx\nb\ty\n", "c\tx\nb\ty\n");
  CorpusBatches test(corpus, Part::test, {.order = BatchOrder::in_order}, Layout::packed);
  const auto batches = all(test, 0);
  EXPECT_THAT(batches[0].labels, ElementsAre(-1, 1));
  EXPECT_TRUE(batches[0].targets.empty());
}

TEST_F(Batches, AnEmptyPartHasNoBatches) {
  const Corpus corpus = make("a\tx\nb\ty\n");
  CorpusBatches valid(corpus, Part::valid, {}, Layout::packed);
  EXPECT_TRUE(all(valid, 0).empty());
  EXPECT_EQ(valid.documents(), 0);
  EXPECT_EQ(valid.max_shape().rows, 0);
}

}  // namespace
}  // namespace sluice
