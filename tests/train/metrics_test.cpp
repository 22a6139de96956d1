// Metrics against scikit-learn's (tests/reference/make_metrics_reference.py), and what it has no word for.
#include "engine/train/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "engine/error.h"

namespace sluice {
namespace {

constexpr double kBound = 1e-9;

struct Array {
  std::vector<size_t> dims;
  std::vector<double> values;
  std::span<const double> row(size_t r) const { return {values.data() + r * dims[1], dims[1]}; }
};

const std::map<std::string, Array>& reference() {
  static const std::map<std::string, Array> arrays = [] {
    std::map<std::string, Array> result;
    std::ifstream file(SLUICE_REFERENCE "/metrics_reference.txt");
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      std::istringstream words(line);
      std::string name, word;
      words >> name;
      Array& array = result[name];
      while (words >> word && word != ":") array.dims.push_back(std::stoul(word));
      for (double value = 0; words >> value;) array.values.push_back(value);
    }
    return result;
  }();
  return arrays;
}

const Array& reference(const std::string& name) {
  return reference().at(name);
}

void expect_scores(const Scores& scores, const std::string& name) {
  const std::vector<double>& wanted = reference(name).values;
  EXPECT_NEAR(scores.precision, wanted[0], kBound) << name;
  EXPECT_NEAR(scores.recall, wanted[1], kBound) << name;
  EXPECT_NEAR(scores.f1, wanted[2], kBound) << name;
}

void expect_common(const Metrics& metrics, const std::string& name) {
  EXPECT_NEAR(metrics.accuracy, reference(name + ".accuracy").values[0], kBound);
  EXPECT_NEAR(metrics.log_loss, reference(name + ".log_loss").values[0], kBound);
  expect_scores(metrics.micro, name + ".micro");
  expect_scores(metrics.macro, name + ".macro");
  expect_scores(metrics.weighted, name + ".weighted");
  const Array& classes = reference(name + ".classes");  // [4, K]: precision, recall, F1, support
  ASSERT_EQ(metrics.classes.size(), classes.dims[1]);
  for (size_t k = 0; k < metrics.classes.size(); ++k) {
    const ClassScores& c = metrics.classes[k];
    EXPECT_NEAR(c.precision, classes.row(0)[k], kBound) << "class " << k;
    EXPECT_NEAR(c.recall, classes.row(1)[k], kBound) << "class " << k;
    EXPECT_NEAR(c.f1, classes.row(2)[k], kBound) << "class " << k;
    EXPECT_EQ(static_cast<double>(c.support), classes.row(3)[k]) << "class " << k;
  }
}

class OneLabel : public testing::TestWithParam<const char*> {};

TEST_P(OneLabel, EqualsScikitLearn) {
  const std::string name = GetParam();
  const Array &probabilities = reference(name + ".probabilities"), &gold = reference(name + ".gold");
  Scorer scorer(static_cast<int>(probabilities.dims[1]), false);
  for (size_t d = 0; d < gold.values.size(); ++d) {
    const auto k = static_cast<int32_t>(gold.values[d]);
    scorer.add(probabilities.row(d), std::max(k, -1), k < 0 ? "u" + std::to_string(-k) : "");
  }
  const Metrics metrics = scorer.metrics();
  expect_common(metrics, name);

  const Array& confusion = reference(name + ".confusion");  // [gold, predicted]
  std::map<std::pair<int, int>, int64_t> wanted;
  for (size_t g = 0; g < confusion.dims[0]; ++g)
    for (size_t p = 0; p < confusion.dims[1]; ++p)
      if (confusion.row(g)[p] != 0)
        wanted[{static_cast<int>(g), static_cast<int>(p)}] = static_cast<int64_t>(confusion.row(g)[p]);
  EXPECT_EQ(metrics.confusion, wanted);
}

INSTANTIATE_TEST_SUITE_P(, OneLabel,
                         testing::Values("plain", "binary", "one_document", "absent", "unseen", "certain",
                                         "tie"),
                         [](const auto& test) { return std::string(test.param); });

class SeveralLabels : public testing::TestWithParam<const char*> {};

TEST_P(SeveralLabels, EqualScikitLearn) {
  const std::string name = GetParam();
  const Array &probabilities = reference(name + ".probabilities"), &targets = reference(name + ".targets");
  const size_t classes = probabilities.dims[1];
  Scorer scorer(static_cast<int>(classes), true);
  for (size_t d = 0; d < targets.dims[0]; ++d) {
    const std::vector<float> known(targets.row(d).begin(),
                                   targets.row(d).begin() + static_cast<ptrdiff_t>(classes));
    std::vector<std::string> unseen;
    for (size_t k = classes; k < targets.dims[1]; ++k)
      if (targets.row(d)[k] > 0) unseen.push_back("u" + std::to_string(k));
    scorer.add_labels(probabilities.row(d), known, unseen);
  }
  const Metrics metrics = scorer.metrics();
  expect_common(metrics, name);
  expect_scores(metrics.samples, name + ".samples");
}

INSTANTIATE_TEST_SUITE_P(, SeveralLabels,
                         testing::Values("labels", "labels_absent", "labels_unseen", "labels_silent",
                                         "labels_certain"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Metrics, NamesFindTheirFigures) {
  Metrics metrics;
  metrics.multi_label = true;
  metrics.accuracy = 1;
  metrics.log_loss = 2;
  metrics.micro = {3, 4, 5};
  metrics.macro = {6, 7, 8};
  metrics.weighted = {9, 10, 11};
  metrics.samples = {12, 13, 14};
  std::vector<double> values;
  for (const std::string& name : metric_names(true)) values.push_back(metrics.value(name));
  // f1, precision, recall of each average
  EXPECT_THAT(values, testing::ElementsAre(1, 2, 5, 3, 4, 8, 6, 7, 11, 9, 10, 14, 12, 13));
  EXPECT_TRUE(higher_is_better("macro_f1"));
  EXPECT_FALSE(higher_is_better("log_loss"));
}

TEST(Metrics, RefuseUnknownNames) {
  EXPECT_THROW(Metrics().value("macrof1"), UserError);
  EXPECT_THROW(Metrics().value("samples_f1"), UserError) << "needs several labels a document";
  try {
    check_metric_name("f1", false);
    FAIL();
  } catch (const UserError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("'f1'"));
    EXPECT_THAT(e.what(), testing::HasSubstr("macro_f1"));
  }
}

TEST(Metrics, UnseenLabelsAreWrongAndNamed) {
  Scorer scorer(2, false);
  const double sure[] = {0.9, 0.1};
  scorer.add(sure, 0);
  scorer.add(sure, -1, "zebra");
  scorer.add(sure, -1, "ant");
  scorer.add(sure, -1, "ant");
  const Metrics metrics = scorer.metrics();
  EXPECT_EQ(metrics.accuracy, 0.25);
  EXPECT_EQ(metrics.unseen_documents, 3);
  ASSERT_EQ(metrics.classes.size(), 4u);
  EXPECT_EQ(metrics.classes[2].unseen, "ant");
  EXPECT_EQ(metrics.classes[2].support, 2);
  EXPECT_EQ(metrics.confusion.at({2, 0}), 2);
  EXPECT_EQ(metrics.confusion.at({3, 0}), 1);
}

TEST(Metrics, NoDocumentGivesZeros) {
  for (bool multi_label : {false, true}) {
    const Metrics metrics = Scorer(3, multi_label).metrics();
    EXPECT_EQ(metrics.documents, 0);
    for (const std::string& name : metric_names(multi_label)) EXPECT_EQ(metrics.value(name), 0.0) << name;
  }
}

}  // namespace
}  // namespace sluice
