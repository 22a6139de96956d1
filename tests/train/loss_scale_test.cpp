#include "engine/optim/loss_scale.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/train/rig.h"

namespace sluice {
namespace {

using testing::ElementsAre;

// The scales of `updates` updates of which some overflow; `ahead` are begun before the outcome of one is
// told; where asked for, everything is told before `stop` begins, and a new LossScale goes on from the state.
std::vector<double> scales(int64_t updates, const std::set<int64_t>& overflows, int64_t ahead,
                           int64_t stop = 0) {
  LossScale scale(0, DType::f16);
  std::vector<double> result;
  int64_t told = 0;
  const auto tell = [&](int64_t until) {
    while (told < until) {
      ++told;
      scale.outcome(told, result[static_cast<size_t>(told) - 1], overflows.count(told) == 0);
    }
  };
  for (int64_t u = 1; u <= updates; ++u) {
    if (u == stop) {
      tell(u - 1);
      const LossScale::State state = scale.state();
      scale = LossScale(0, DType::f16);
      scale.set_state(state);
    }
    result.push_back(scale.begin(u));
    tell(u - ahead);
  }
  return result;
}

TEST(LossScaleTest, is_halved_two_updates_after_an_overflow) {
  constexpr double k = LossScale::kFirst;
  EXPECT_THAT(scales(6, {2}, 0), ElementsAre(k, k, k, k / 2, k / 2, k / 2));
  // 3 was begun with the scale that 2 overflowed with: it says nothing of the new one; 5 does.
  EXPECT_THAT(scales(8, {2, 3, 5}, 0), ElementsAre(k, k, k, k / 2, k / 2, k / 2, k / 4, k / 4));
}

TEST(LossScaleTest, does_not_depend_on_when_outcomes_are_told) {
  const std::set<int64_t> overflows = {1, 2, 5, 6, 7, 13};
  const std::vector<double> wanted = scales(20, overflows, 0);
  EXPECT_EQ(scales(20, overflows, 1), wanted);
  for (int64_t stop = 1; stop <= 20; ++stop)
    for (int64_t ahead : {0, 1}) EXPECT_EQ(scales(20, overflows, ahead, stop), wanted) << stop;
}

TEST(LossScaleTest, grows_after_many_good_updates_up_to_its_limit) {
  const int64_t n = LossScale::kGrowAfter;
  const std::vector<double> got = scales(12 * n, {}, 1);
  EXPECT_EQ(got[static_cast<size_t>(n)], LossScale::kFirst);  // outcomes 1 to n - 1
  EXPECT_EQ(got[static_cast<size_t>(n) + 1], 2 * LossScale::kFirst);
  EXPECT_EQ(got.back(), LossScale::kMost);
  const std::vector<double> interrupted = scales(2 * n, {n / 2}, 1);
  EXPECT_EQ(interrupted[static_cast<size_t>(n + n / 2)], LossScale::kFirst / 2);
  EXPECT_EQ(interrupted.back(), LossScale::kFirst);
}

TEST(LossScaleTest, only_a_scale_of_its_own_is_to_blame) {
  LossScale found(0, DType::f16), fixed(1024, DType::f16), none(0, DType::bf16);
  EXPECT_TRUE(found.outcome(1, 2, false));
  EXPECT_FALSE(found.outcome(2, 1, false));
  EXPECT_FALSE(fixed.outcome(1, 1024, false));
  EXPECT_TRUE(fixed.outcome(2, 1024, true));
  EXPECT_EQ(fixed.begin(3), 1024);
  EXPECT_EQ(none.begin(1), 1);
  EXPECT_FALSE(none.outcome(1, 1, false));
}

// A power of two changes no bit of a training in f32: every gradient, norm and clipped value is as it was.
TEST(LossScaleTest, a_power_of_two_leaves_f32_as_it_was) {
  test::RigOptions options = test::topic_options();
  options.optimizer.clip_norm = 0.3;
  options.optimizer.clip_value = 0.05;
  test::Rig plain(options);
  options.train.loss_scale = 256;
  test::Rig scaled(options);
  plain.run();
  scaled.run();
  EXPECT_EQ(scaled.parameters(), plain.parameters());
  EXPECT_EQ(scaled.moments(), plain.moments());
}

}  // namespace
}  // namespace sluice
