// The real corpora, found by SLUICE_CORPORA: what is prepared equals what their SOURCE.md counts.
#include <gmock/gmock.h>

#include <cstdlib>

#include "tests/data/support.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;

class Corpora : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SLUICE_CORPORA");
    if (!folder) GTEST_SKIP() << "SLUICE_CORPORA does not name the folder of the corpora";
    corpora_ = folder;
  }
  Corpus prepared(const std::string& train, const std::string& test, PrepareOptions options = {}) {
    options.train = {corpora_ + train};
    options.test = {corpora_ + test};
    return prepare_file(options, {.threads = 2}, folder_.path() + "/corpus");
  }

  sluice::testing::TempFolder folder_;
  std::string corpora_;
};

TEST_F(Corpora, R8) {
  PrepareOptions options;
  options.valid_share = 0;
  const Corpus corpus = prepared("/r8/train.tsv", "/r8/test.tsv", options);
  EXPECT_THAT(corpus.labels(),
              ElementsAre("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade"));
  EXPECT_THAT(corpus.class_counts(Part::train), ElementsAre(1596, 253, 2840, 41, 190, 206, 108, 251));
  EXPECT_THAT(corpus.class_counts(Part::test), ElementsAre(696, 121, 1083, 10, 81, 87, 36, 75));
  EXPECT_EQ(corpus.figures(Part::train).empty_documents, 0);
  EXPECT_EQ(corpus.figures(Part::test).in_train, 4);
  EXPECT_NEAR(majority_share(corpus, Part::test), 1083.0 / 2189, 1e-12);
}

TEST_F(Corpora, TwentyNewsgroups) {
  const Corpus corpus = prepared("/20ng/train.jsonl.gz", "/20ng/test.jsonl.gz");
  EXPECT_EQ(corpus.figures(Part::train).documents + corpus.figures(Part::valid).documents, 11314);
  EXPECT_EQ(corpus.figures(Part::valid).documents, 1131);
  EXPECT_EQ(corpus.meta().classes, 20);
  EXPECT_EQ(corpus.meta().labels, 20);
  const std::vector<int64_t> train = {480, 584, 591, 590, 578, 593, 585, 594, 598, 597,
                                      600, 595, 591, 594, 593, 599, 546, 564, 465, 377};
  const auto kept = corpus.class_counts(Part::train), held = corpus.class_counts(Part::valid);
  for (size_t k = 0; k < train.size(); ++k) {
    EXPECT_EQ(kept[k] + held[k], train[k]) << corpus.labels()[k];
    EXPECT_NEAR(static_cast<double>(held[k]), static_cast<double>(train[k]) / 10, 2) << "grouped by label";
  }
  EXPECT_THAT(corpus.class_counts(Part::test), ElementsAre(319, 389, 394, 392, 385, 395, 390, 396, 398, 397,
                                                           399, 396, 393, 396, 394, 398, 364, 376, 310, 251));
}

}  // namespace
}  // namespace sluice
