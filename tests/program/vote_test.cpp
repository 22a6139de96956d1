// Runs that vote (--with): the mean of their probabilities, in predict and in evaluate.
#include <gmock/gmock.h>

#include <map>
#include <sstream>

#include "host/program/report.h"
#include "tests/program/corpus.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::Contains;
using testing::DoubleEq;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

struct VotingRuns : testing::Test {
  std::string train(const std::string& name, const std::string& corpus,
                    const std::vector<std::string>& more = {}) {
    const std::string run = folder.path(name);
    const Outcome outcome = run_sluice(train_small(folder.path(corpus), run, more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return run;
  }
  // Two runs that read texts in ways of their own: other vocabularies, other models.
  void train_two() {
    folder.write("train.tsv", small_corpus(300));
    folder.write("test.tsv", small_corpus(60, 2));
    a = train("a", "train.tsv");
    b = train("b", "train.tsv",
              {"--set", "model.num_layers=0", "--set", "model.pooling=sqrtn", "--set", "text.min_count=4",
               "--seed", "9"});
  }
  // The probability of each label, by text.
  std::vector<std::map<std::string, double>> predict(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--top", "3"});
    const Outcome outcome = run_sluice(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    std::vector<std::map<std::string, double>> texts;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream fields(line);
      std::map<std::string, double>& text = texts.emplace_back();
      double probability = 0;
      for (std::string label; fields >> label >> probability;) text[label] = probability;
    }
    return texts;
  }

  Folder folder;
  std::string a, b;
};

TEST_F(VotingRuns, PredictPrintsTheMeanOfTheirProbabilities) {
  train_two();
  folder.write("texts", "w1 goal w2\n\nw3 tariff w4 w5\nw1 w2 w3\n");
  const auto one = predict({"predict", a, folder.path("texts")}),
             two = predict({"predict", b, folder.path("texts")}),
             both = predict({"predict", a, folder.path("texts"), "--with", b});
  ASSERT_THAT(both, SizeIs(4));
  double apart = 0;
  for (std::size_t t = 0; t < both.size(); ++t) {
    ASSERT_THAT(both[t], SizeIs(3));
    for (const auto& [label, probability] : both[t]) {
      EXPECT_NEAR(probability, (one[t].at(label) + two[t].at(label)) / 2, 2e-6) << t << ' ' << label;
      apart = std::max(apart, std::abs(one[t].at(label) - two[t].at(label)));
    }
  }
  EXPECT_GT(apart, 0.01) << "two runs that agree show nothing";
}

TEST_F(VotingRuns, EvaluateCountsWhatPredictSays) {
  train_two();
  const Outcome evaluated =
      run_sluice({"evaluate", a, "--with", b, "--data", folder.path("test.tsv"), "--json",
                  folder.path("e.json"), "--predictions", folder.path("p.tsv")});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  std::istringstream corpus(folder.read("test.tsv"));
  std::string texts, expected;
  for (std::string line; std::getline(corpus, line);) texts += line.substr(line.find('\t') + 1) + '\n';
  folder.write("texts", texts);
  const Outcome predicted = run_sluice({"predict", a, folder.path("texts"), "--with", b});
  std::istringstream rows(folder.read("p.tsv"));
  std::string row;
  std::getline(rows, row);
  int right = 0, count = 0;
  for (; std::getline(rows, row); ++count) {
    const std::string prediction = row.substr(row.find('\t') + 1);
    expected += prediction + '\n';
    right += row.substr(0, row.find('\t')) == prediction.substr(0, prediction.find('\t'));
  }
  EXPECT_EQ(predicted.out, expected);
  folder.write("wrapped.json", "{\"test\": " + folder.read("e.json") + "}");
  const auto metrics = read_metrics(folder.path("wrapped.json"));
  EXPECT_EQ(count, 60);
  EXPECT_THAT(metrics.at(0).second, Contains(Pair("accuracy", DoubleEq(right / 60.0))));
}

TEST_F(VotingRuns, OfOtherLabelsAreRefused) {
  train_two();
  folder.write("other.tsv",
               "x\tone two\ny\tthree four\nx\tone\ny\tfour\nx\tone two\ny\tthree four\nx\tone\ny\tfour\n");
  const std::string c = train("c", "other.tsv", {"--set", "data.valid_share=0"});
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"predict", a, folder.path("test.tsv"), "--with", b, "--with", c},
        {"evaluate", a, "--with", c, "--data", folder.path("test.tsv")}}) {
    const Outcome outcome = run_sluice(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("--with " + c + ": its label 1 is 'x' where " + a + " has '"));
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(run_sluice({"predict", a, folder.path("test.tsv"), "--with", folder.path("none")}).exit_code, 2);
}

TEST_F(VotingRuns, CannotShareStandardInput) {
  train_two();
  const Outcome outcome = run_sluice({"evaluate", a, "--with", b, "--data", "-"}, {.input = "a\tw1\n"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--with: standard input can be read for one run only"));
}

}  // namespace
}  // namespace sluice
