#include "engine/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numbers>

#include "engine/error.h"

namespace sluice {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr double kEps = 1e-12;

std::vector<double> rates(const ScheduleConfig& config, int64_t total, int64_t shown) {
  const Schedule schedule(config, 2.0, total);
  std::vector<double> result;
  for (int64_t step = 1; step <= shown; ++step) result.push_back(schedule.rate(step));
  return result;
}

TEST(Schedule, Constant) {
  EXPECT_THAT(rates({}, 3, 4), ElementsAre(2, 2, 2, 2));
}

TEST(Schedule, WarmUpReachesThePeakAtItsLastUpdate) {
  EXPECT_THAT(rates({.warmup = 4}, 6, 6), ElementsAre(0.5, 1, 1.5, 2, 2, 2));
  EXPECT_THAT(rates({.warmup = 0.5}, 8, 5), ElementsAre(0.5, 1, 1.5, 2, 2)) << "a fraction of all updates";
  EXPECT_THAT(rates({.warmup = 100}, 4, 4), ElementsAre(0.5, 1, 1.5, 2)) << "no longer than the training";
}

TEST(Schedule, LinearFallsToTheFinalFraction) {
  EXPECT_THAT(rates({.kind = ScheduleKind::linear}, 4, 6), ElementsAre(2, 1.5, 1, 0.5, 0, 0));
  EXPECT_THAT(rates({.kind = ScheduleKind::linear, .warmup = 1, .final_fraction = 0.5}, 5, 7),
              ElementsAre(2, 2, 1.75, 1.5, 1.25, 1, 1));
}

TEST(Schedule, CosineFallsToTheFinalFraction) {
  const double quarter = 1 + std::numbers::sqrt2 / 2;  // 2 * (1 + cos(pi / 4)) / 2
  EXPECT_THAT(rates({.kind = ScheduleKind::cosine}, 4, 6),
              ElementsAre(2, DoubleNear(quarter, kEps), DoubleNear(1, kEps), DoubleNear(2 - quarter, kEps),
                          DoubleNear(0, kEps), DoubleNear(0, kEps)));
  EXPECT_THAT(rates({.kind = ScheduleKind::cosine, .final_fraction = 0.25}, 2, 3),
              ElementsAre(2, DoubleNear(1.25, kEps), DoubleNear(0.5, kEps)));
}

TEST(Schedule, FallsAsFarAsIsGoneByOtherReckoning) {
  const Schedule linear({.kind = ScheduleKind::linear, .warmup = 2}, 2.0, 10);
  EXPECT_DOUBLE_EQ(linear.rate(3, 0.5), 1.0);
  EXPECT_DOUBLE_EQ(linear.rate(9, 0.5), 0.5) << "the updates have come further";
  EXPECT_DOUBLE_EQ(linear.rate(3, 1.0), 0.0);
  EXPECT_DOUBLE_EQ(linear.rate(1, 0.5), 1.0) << "warming up goes by updates";
}

TEST(Schedule, InverseSquareRootStartsAtThePeak) {
  EXPECT_THAT(rates({.kind = ScheduleKind::inverse_sqrt, .warmup = 4}, 100, 16),
              testing::AllOf(testing::Contains(2.0), testing::Contains(1.0)));
  const Schedule schedule({.kind = ScheduleKind::inverse_sqrt, .warmup = 4, .final_fraction = 0.25}, 2.0,
                          400);
  EXPECT_DOUBLE_EQ(schedule.rate(4), 2.0);
  EXPECT_DOUBLE_EQ(schedule.rate(16), 1.0);
  EXPECT_DOUBLE_EQ(schedule.rate(400), 0.5) << "held at the final fraction";
}

TEST(Schedule, RefusesWhatIsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(Schedule({}, 0, 1), UserError);
  EXPECT_THROW(Schedule({}, nan, 1), UserError);
  EXPECT_THROW(Schedule({.warmup = -1}, 1, 1), UserError);
  EXPECT_THROW(Schedule({.warmup = nan}, 1, 1), UserError);
  EXPECT_THROW(Schedule({.final_fraction = 1.5}, 1, 1), UserError);
}

}  // namespace
}  // namespace sluice
