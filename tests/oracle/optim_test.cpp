#include "tests/oracle/optim.h"

#include <gtest/gtest.h>

#include <cmath>

namespace oracle {
namespace {

// With a constant gradient Adam's bias-corrected moments are g and g^2, so every update moves w by the rate.
TEST(OracleAdam, constant_gradient_moves_by_the_learning_rate) {
  const AdamRule rule{0.01, 0.9, 0.999, 0, 0, true};
  double w = 1, m = 0, v = 0;
  for (int step = 1; step <= 20; ++step) rule.update(w, m, v, -3.0, step);
  EXPECT_NEAR(w, 1 + 20 * 0.01, 1e-12);
}

TEST(OracleAdam, decoupled_decay_is_apart_from_the_moments) {
  double w = 2, m = 0, v = 0;
  AdamRule{0.1, 0.9, 0.999, 1e-8, 0.5, true}.update(w, m, v, 0.0, 1);
  EXPECT_DOUBLE_EQ(w, 2 * (1 - 0.05));
  EXPECT_EQ(m, 0);
  w = 2;
  AdamRule{0.1, 0.9, 0.999, 1e-8, 0.5, false}.update(w, m, v, 0.0, 1);
  EXPECT_DOUBLE_EQ(m, 0.1 * 0.5 * 2);
}

TEST(OracleAdam, catching_up_equals_updates_without_gradient_but_for_the_move) {
  const AdamRule rule{0.1, 0.9, 0.99, 1e-8, 0.5, true};
  double w = 2, m = 3, v = 4;
  rule.catch_up(w, m, v, 5);
  EXPECT_NEAR(m, 3 * std::pow(0.9, 5), 1e-14);
  EXPECT_NEAR(v, 4 * std::pow(0.99, 5), 1e-14);
  EXPECT_NEAR(w, 2 * std::pow(0.95, 5), 1e-14);
}

TEST(OracleSgd, momentum_by_hand) {
  const SgdRule plain{0.5, 0.9, 0.1, false}, nesterov{0.5, 0.9, 0.1, true};
  double w = 2, m = 1;
  plain.update(w, m, 3);  // g = 3.2, m = 4.1
  EXPECT_NEAR(m, 4.1, 1e-14);
  EXPECT_NEAR(w, 2 - 0.5 * 4.1, 1e-14);
  w = 2, m = 1;
  nesterov.update(w, m, 3);
  EXPECT_NEAR(w, 2 - 0.5 * (3.2 + 0.9 * 4.1), 1e-14);
}

TEST(OracleClipping, by_hand) {
  EXPECT_EQ(sum_squares({3, -4}), 25);
  EXPECT_EQ(clip_scale(25, 2.5), 0.5);
  EXPECT_EQ(clip_scale(25, 10), 1);
  EXPECT_EQ(clip_scale(25, 0), 1);
  EXPECT_EQ(clip_value(-3, 2), -2);
  EXPECT_EQ(clip_value(3, 2), 2);
  EXPECT_EQ(clip_value(1, 2), 1);
  EXPECT_TRUE(std::isnan(clip_value(std::nan(""), 2)));
}

}  // namespace
}  // namespace oracle
