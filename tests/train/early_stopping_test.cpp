#include "engine/train/early_stopping.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace sluice {
namespace {

// The evaluation (from 1) after which it stops, 0 if never.
int stops_after(EarlyStopping stopping, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    stopping.observe(values[i], 1);
    if (stopping.exhausted()) return static_cast<int>(i) + 1;
  }
  return 0;
}

TEST(EarlyStopping, StopsAfterPatienceEvaluationsWithoutGain) {
  EXPECT_EQ(stops_after(EarlyStopping({true, 2, 0}), {0.1, 0.2, 0.2, 0.15, 0.3}), 4);
  EXPECT_EQ(stops_after(EarlyStopping({true, 2, 0}), {0.1, 0.05, 0.2, 0.15, 0.3}), 0);
  EXPECT_EQ(stops_after(EarlyStopping({true, 0, 0}), {0.5, 0.4, 0.3, 0.2}), 0) << "patience 0 is off";
}

TEST(EarlyStopping, LowerIsBetterForALoss) {
  EXPECT_EQ(stops_after(EarlyStopping({false, 2, 0}), {3, 2, 1, 0.5}), 0);
  EXPECT_EQ(stops_after(EarlyStopping({false, 2, 0}), {1, 2, 3}), 3);
}

TEST(EarlyStopping, SmallGainsMakeABestButDoNotRenewPatience) {
  EarlyStopping stopping({true, 3, 0.1});
  EXPECT_TRUE(stopping.observe(0.50, 1));
  EXPECT_TRUE(stopping.observe(0.55, 1));
  EXPECT_FALSE(stopping.observe(0.55, 1));
  EXPECT_EQ(stopping.state().best, 0.55);
  EXPECT_EQ(stopping.state().stale, 2);
  EXPECT_TRUE(stopping.observe(0.61, 1)) << "0.11 above the last real gain";
  EXPECT_EQ(stopping.state().stale, 0);
}

TEST(EarlyStopping, OfEqualsTheLowerLogLossIsTheBest) {
  EarlyStopping stopping({true, 3, 0});
  EXPECT_TRUE(stopping.observe(0.8, 0.7));
  EXPECT_TRUE(stopping.observe(0.8, 0.6));
  EXPECT_FALSE(stopping.observe(0.8, 0.65));
  EXPECT_FALSE(stopping.observe(0.7, 0.1)) << "the value comes first";
  EXPECT_EQ(stopping.state().best_loss, 0.6);
  EXPECT_TRUE(stopping.exhausted()) << "a lower log loss alone does not renew the patience";
  EXPECT_TRUE(stopping.observe(0.9, 2)) << "the value comes first";
  EXPECT_FALSE(stopping.observe(0.9, 2)) << "the first of equals stays the best";
}

TEST(EarlyStopping, MinDeltaHoldsForALossToo) {
  EXPECT_EQ(stops_after(EarlyStopping({false, 2, 0.1}), {1, 0.95, 0.93}), 3);
  EXPECT_EQ(stops_after(EarlyStopping({false, 2, 0.1}), {1, 0.95, 0.85}), 0);
}

TEST(EarlyStopping, NotANumberIsNeverBetter) {
  EarlyStopping stopping({true, 2, 0});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(stopping.observe(nan, 1));
  EXPECT_TRUE(stopping.observe(0.1, 1));
  EXPECT_FALSE(stopping.observe(nan, 1));
  EXPECT_EQ(stopping.state().best, 0.1);
}

TEST(EarlyStopping, GoesOnFromASavedState) {
  EarlyStopping first({true, 3, 0});
  for (double v : {0.5, 0.4}) first.observe(v, 1);
  EarlyStopping second({true, 3, 0});
  second.set_state(first.state());
  second.observe(0.3, 1);
  EXPECT_FALSE(second.exhausted());
  EXPECT_FALSE(second.observe(0.5, 1)) << "not above the best of before";
  EXPECT_TRUE(second.exhausted());
}

}  // namespace
}  // namespace sluice
