#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/optim.h"

namespace sluice {
namespace {

class Clip : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Clip, testing::ValuesIn(for_each_accumulator()), name_of_param);

TEST_P(Clip, sum_of_squares_adds_to_what_is_there) {
  for (int n : {0, 1, 17, 1000, 100000}) {
    Rig rig(*backend_, dtype_);
    const Values x = Random(1).reals(static_cast<size_t>(n), dtype_);
    const Tensor out = rig.inout_as(DType::f64, {0.5}, {1});
    backend_->sum_squares({rig.in(x, {n}), out});
    // f64 whatever the dtype: squares of f32 numbers are exact in it.
    EXPECT_TRUE(near(rig.get(out), {0.5 + oracle::sum_squares(x)}, tolerance::sum(DType::f64, n))) << n;
  }
}

TEST_P(Clip, sum_of_squares_takes_any_rank_and_large_values) {
  Rig rig(*backend_, dtype_);
  const Tensor out = rig.inout_as(DType::f64, {0}, {1});
  backend_->sum_squares({rig.in(Values(24, 1e30), {2, 3, 4}), out});
  const double big = dtype_ == DType::f32 ? static_cast<double>(1e30f) : 1e30;
  EXPECT_TRUE(near(rig.get(out), {24 * big * big}, tolerance::rounded(DType::f64, 24)));
}

TEST_P(Clip, sum_of_squares_shows_what_is_not_finite) {
  for (double bad : {std::nan(""), HUGE_VAL}) {
    Rig rig(*backend_, dtype_);
    Values x(5000, 1.0);
    x[4321] = bad;
    const Tensor out = rig.inout_as(DType::f64, {0}, {1});
    backend_->sum_squares({rig.in(x, {5000}), out});
    EXPECT_FALSE(std::isfinite(rig.get(out)[0]));
  }
}

double scale_of(Rig& rig, double sum, double max_norm) {
  const Tensor scale = rig.out_as(DType::f64, {1});
  rig.backend().clip_scale({rig.in_as(DType::f64, {sum}, {1}), max_norm, scale});
  return rig.get(scale)[0];
}

TEST_P(Clip, scale_is_the_oracles) {
  Rig rig(*backend_, dtype_);
  for (double sum : {0.0, 0.01, 1.0, 25.0, 1e12})
    for (double max_norm : {0.0, 0.5, 1.0, 5.0, 1e9})
      EXPECT_TRUE(near({scale_of(rig, sum, max_norm)}, {oracle::clip_scale(sum, max_norm)},
                       tolerance::rounded(DType::f64, 4)))
          << sum << " " << max_norm;
}

TEST_P(Clip, scale_of_a_norm_that_is_not_finite_is_not_finite) {
  Rig rig(*backend_, dtype_);
  for (double max_norm : {0.0, 1.0}) {  // updates are left out by it, whether gradients are clipped or not
    EXPECT_TRUE(std::isnan(scale_of(rig, HUGE_VAL, max_norm)));
    EXPECT_TRUE(std::isnan(scale_of(rig, std::nan(""), max_norm)));
  }
}

// Gradients that are loss_scale times too large are clipped by their own norm, and divided.
TEST_P(Clip, scale_undoes_the_loss_scale) {
  for (double loss_scale : {1.0, 1024.0, 0x1p24})
    for (double max_norm : {0.0, 0.5, 5.0}) {
      Rig rig(*backend_, dtype_);
      const Tensor scale = rig.out_as(DType::f64, {1});
      backend_->clip_scale({.sum_squares = rig.in_as(DType::f64, {6.25 * loss_scale * loss_scale}, {1}),
                            .max_norm = max_norm,
                            .scale = scale,
                            .loss_scale = rig.in_as(DType::f64, {loss_scale}, {1})});
      EXPECT_TRUE(near(rig.get(scale), {oracle::clip_scale(6.25, max_norm) / loss_scale},
                       tolerance::rounded(DType::f64, 4)));
    }
}

TEST_P(Clip, by_value_under_a_loss_scale) {
  Rig rig(*backend_, dtype_);
  Values x = Random(1).reals(33, dtype_, -200, 200);
  x[1] = std::nan("");
  x[2] = HUGE_VAL;  // the scale was too large: the update must see it
  x[3] = -HUGE_VAL;
  const Tensor tensor = rig.inout(x, {33});
  backend_->clip_value({.x = tensor, .limit = 0.75, .loss_scale = rig.in_as(DType::f64, {64}, {1})});
  for (double& v : x)
    if (std::isfinite(v)) v = oracle::clip_value(v, 48);
  EXPECT_TRUE(near(rig.get(tensor), x, tolerance::exact()));
}

TEST_P(Clip, by_value) {
  for (int n : {0, 1, 33, 1000}) {
    Rig rig(*backend_, dtype_);
    Values x = Random(1).reals(static_cast<size_t>(n), dtype_, -2, 2);
    if (n > 4) x[1] = std::nan(""), x[2] = HUGE_VAL, x[3] = -HUGE_VAL;
    const Tensor tensor = rig.inout(x, {n});
    backend_->clip_value({tensor, 0.75});
    for (double& v : x) v = oracle::clip_value(v, 0.75);
    EXPECT_TRUE(near(rig.get(tensor), x, tolerance::exact()));
  }
}

TEST_P(Clip, average_of_parameters) {
  for (int n : {0, 1, 33, 1000, 70001}) {
    for (double share : {0.0, 1.0 / 3, 1.0}) {
      Rig rig(*backend_, dtype_);
      const Values x = Random(1).reals(static_cast<size_t>(n), dtype_, 1, 2);
      Values average = Random(2).reals(static_cast<size_t>(n), dtype_, 1, 2);
      const Tensor tensor = rig.inout(average, {n});
      backend_->average({rig.in(x, {n}), tensor, share});
      for (size_t i = 0; i < average.size(); ++i) average[i] = oracle::average(average[i], x[i], share);
      // No cancellation between 1 and 2: the share, the difference and the sum are rounded.
      EXPECT_TRUE(near(rig.get(tensor), average, tolerance::rounded(dtype_, 4))) << n << " " << share;
    }
  }
}

}  // namespace
}  // namespace sluice
