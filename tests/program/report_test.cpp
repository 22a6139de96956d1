#include "host/program/report.h"

#include <gmock/gmock.h>

#include "host/program/console.h"
#include "host/program/prediction.h"
#include "tests/program/expect_error.h"
#include "tests/program/files.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Metrics two_class_metrics() {
  Scorer scorer(2, false);
  scorer.add(std::vector<double>{0.75, 0.25}, 0);
  scorer.add(std::vector<double>{0.25, 0.75}, 1);
  scorer.add(std::vector<double>{0.75, 0.25}, 1);
  scorer.add(std::vector<double>{0.75, 0.25}, -1, "new \"one\"");
  return scorer.metrics();
}

TEST(Report, MetricsJsonHoldsTheObjectsThatOthersRead) {
  const Folder folder;
  const RunMetrics metrics{.valid = two_class_metrics(), .test = two_class_metrics()};
  folder.write("metrics.json", to_json(metrics, {"a", "b"}));
  const auto read = read_metrics(folder.path("metrics.json"));
  ASSERT_THAT(read, testing::SizeIs(2));
  EXPECT_EQ(read[0].first, "valid");
  EXPECT_EQ(read[1].first, "test");
  EXPECT_THAT(read[1].second, testing::IsSupersetOf({Pair("accuracy", 0.5), Pair("documents", 4.0)}));
  std::vector<std::string> names;
  for (const auto& [name, figure] : read[1].second) names.push_back(name);
  EXPECT_THAT(names, testing::IsSupersetOf({"accuracy", "macro_f1", "micro_f1", "weighted_f1", "log_loss"}));
  EXPECT_THAT(to_json(*metrics.test, {"a", "b"}), HasSubstr("new \\\"one\\\""));
}

TEST(Report, DamagedMetricsAreTheUsersError) {
  const Folder folder;
  folder.write("metrics.json", "{\"valid\": ");
  EXPECT_THAT(user_error([&] { read_metrics(folder.path("metrics.json")); }), HasSubstr("metrics.json"));
  EXPECT_THAT(user_error([&] { read_metrics(folder.path("none.json")); }), HasSubstr("none.json"));
}

TEST(Report, TableNamesLabelsThatTrainingNeverHad) {
  const std::string table = to_table(two_class_metrics(), {"a", "b"});
  EXPECT_THAT(table, HasSubstr("new \"one\" (not in training)"));
  EXPECT_THAT(table, HasSubstr("accuracy"));
}

TEST(Report, LinesAfterTheResumedUpdateGo) {
  const std::string lines = "{\"update\":5}\n{\"update\":10,\"x\":1}\n{\"update\":11}\n{\"upda";
  EXPECT_EQ(json_lines_until(lines, 10), "{\"update\":5}\n{\"update\":10,\"x\":1}\n");
  EXPECT_EQ(json_lines_until(lines, 0), "");
}

TEST(Report, JsonLinesKeepWholeNumbersWhole) {
  EXPECT_EQ(json_line({{"update", 3}, {"loss", 0.5}}), "{\"update\":3,\"loss\":0.5}");
}

TEST(Prediction, ChoosesTheLikeliest) {
  const std::vector<double> p = {0.1, 0.6, 0.7, 0.6};
  EXPECT_THAT(chosen_labels(p, false, 0), ElementsAre(2));
  EXPECT_THAT(chosen_labels(p, true, 0), ElementsAre(2, 1, 3));
  EXPECT_THAT(chosen_labels(p, false, 3), ElementsAre(2, 1, 3));
  EXPECT_THAT(chosen_labels(p, true, 9), ElementsAre(2, 1, 3, 0));
  EXPECT_THAT(chosen_labels(std::vector<double>{0.1, 0.2}, true, 0), ElementsAre(1));
}

TEST(Console, ShowsTimesAndBars) {
  EXPECT_EQ(clock_text(0.4), "0:00");
  EXPECT_EQ(clock_text(65), "1:05");
  EXPECT_EQ(clock_text(3661), "1:01:01");
  EXPECT_EQ(bar(0, 6), "[>   ]");
  EXPECT_EQ(bar(0.5, 6), "[==> ]");
  EXPECT_EQ(bar(1, 6), "[====]");
  EXPECT_EQ(
      progress_figures({.tokens_per_second = 1234.4, .loss = 0.5, .gradient_norm = 2, .padding = 0.125}, 90),
      "ETA 1:30  1234 tokens/s  loss 0.5000  gradient norm 2.000  padding 12.5%");
}

}  // namespace
}  // namespace sluice
