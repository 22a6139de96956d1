// The corpora, where the environment's SLUICE_CORPORA names their folder: documents are counted as their
// sources say.
#include "tests/readers/reading.h"

#include <cstdlib>
#include <map>

namespace sluice {
namespace {

using testing::Contains;
using testing::Pair;

std::string corpus(const std::string& file) {
  const char* folder = std::getenv("SLUICE_CORPORA");
  return folder == nullptr ? "" : std::string(folder) + "/" + file;
}

std::map<std::string, int> label_counts(const std::string& file, const ReaderOptions& options = {}) {
  std::map<std::string, int> counts;
  for (const std::string& label : read_to_end(open_documents({file}, options)).labels()) ++counts[label];
  return counts;
}

int total(const std::map<std::string, int>& counts) {
  int sum = 0;
  for (const auto& [label, count] : counts) sum += count;
  return sum;
}

class Corpora : public testing::Test {
 protected:
  void SetUp() override {
    if (corpus("").empty()) GTEST_SKIP() << "SLUICE_CORPORA does not name the folder of the corpora";
  }
};

TEST_F(Corpora, TwentyNewsgroups) {
  const auto counts = label_counts(corpus("20ng/train.jsonl.gz"));
  EXPECT_EQ(total(counts), 11314);
  EXPECT_EQ(counts.size(), 20u);
  EXPECT_THAT(counts, Contains(Pair("comp.os.ms-windows.misc", 591)));
  EXPECT_EQ(total(label_counts(corpus("20ng/test.jsonl.gz"))), 7532);
}

TEST_F(Corpora, AgNews) {
  ReaderOptions options;
  options.text_columns = {"title", "description"};
  options.label_column = "class_index";
  const auto counts = label_counts(corpus("ag_news/train.csv"), options);
  EXPECT_EQ(total(counts), 19964);
  EXPECT_THAT(counts, Contains(Pair("2", 4998)));
  EXPECT_EQ(label_counts(corpus("ag_news/test.csv"), options),
            (std::map<std::string, int>{{"1", 1900}, {"2", 1900}, {"3", 1900}, {"4", 1900}}));
}

TEST_F(Corpora, R8) {
  const auto counts = label_counts(corpus("r8/train.tsv"));
  EXPECT_EQ(total(counts), 5485);
  EXPECT_THAT(counts, Contains(Pair("earn", 2840)));
  EXPECT_EQ(total(label_counts(corpus("r8/test.tsv"))), 2189);
}

TEST_F(Corpora, AirlineTweets) {
  EXPECT_EQ(label_counts(corpus("airline_tweets/test.csv")),
            (std::map<std::string, int>{{"negative", 1798}, {"neutral", 611}, {"positive", 473}}));
}

}  // namespace
}  // namespace sluice
