#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class BatchNormTest : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, BatchNormTest, testing::ValuesIn(for_each_dtype_and_layout()), name_of_param);

struct BatchNormProblem {
  HostBatch host;
  size_t C = 0;
  bool training = true;
  double epsilon = 1e-5, momentum = 0.1;
  Values x, dy;                                   // [N,C]
  Values gamma, beta, running_mean, running_var;  // [C]
  Values dgamma0, dbeta0;                         // what the gradients hold before

  BatchNormProblem(const std::vector<int>& lengths, Layout layout, size_t columns, DType dtype, bool train)
      : host(ragged(lengths, layout)), C(columns), training(train) {
    Random random(C + static_cast<size_t>(host.rows));
    const size_t all = static_cast<size_t>(host.rows) * C;
    x = random.reals(all, dtype, -2, 3);
    dy = random.reals(all, dtype);
    spoil_padding(host, x, C);
    spoil_padding(host, dy, C);
    gamma = random.reals(C, dtype);
    beta = random.reals(C, dtype);
    running_mean = random.reals(C, dtype);
    running_var = random.reals(C, dtype, 0.2, 2);
    dgamma0 = random.reals(C, dtype);
    dbeta0 = random.reals(C, dtype);
  }
};

struct Normed {
  Values y, running_mean, running_var, mean, inverse_std, dx, dgamma, dbeta;
};

Normed run(Rig& rig, const BatchNormProblem& p, bool with_batch = true) {
  const Batch batch = rig.upload(p.host);
  const auto C = static_cast<int64_t>(p.C);
  const int64_t M = p.host.rows;
  BatchNormForward forward;
  forward.batch = with_batch ? &batch : nullptr;
  forward.training = p.training;
  forward.epsilon = p.epsilon;
  forward.momentum = p.momentum;
  forward.x = rig.in(p.x, {M, C});
  forward.gamma = rig.in_acc(p.gamma, {C});
  forward.beta = rig.in_acc(p.beta, {C});
  forward.running_mean = rig.inout_acc(p.running_mean, {C});
  forward.running_var = rig.inout_acc(p.running_var, {C});
  forward.mean = rig.out_acc({C});
  forward.inverse_std = rig.out_acc({C});
  forward.y = rig.out({M, C});
  rig.backend().batch_norm_forward(forward);
  const BatchNormBackward backward{forward, rig.in(p.dy, {M, C}), rig.out({M, C}),
                                   rig.inout_acc(p.dgamma0, {C}), rig.inout_acc(p.dbeta0, {C})};
  Normed got;
  got.y = rig.get(forward.y);
  got.running_mean = rig.get(forward.running_mean);
  got.running_var = rig.get(forward.running_var);
  rig.backend().batch_norm_backward(backward);
  got.mean = rig.get(forward.mean);
  got.inverse_std = rig.get(forward.inverse_std);
  got.dx = rig.get(backward.dx);
  got.dgamma = rig.get(backward.dgamma);
  got.dbeta = rig.get(backward.dbeta);
  return got;
}

Values valid_rows(const BatchNormProblem& p, const Values& rows) {
  Values result;
  const std::vector<Place> places = places_of(p.host);
  for (size_t k = 0; k < rows.size(); ++k)
    if (places[k / p.C].valid) result.push_back(rows[k]);
  return result;
}

// The valid rows' values put back at their rows, 0 elsewhere.
Values spread(const BatchNormProblem& p, const Values& valid) {
  Values result;
  size_t next = 0;
  for (const Place& place : places_of(p.host))
    for (size_t c = 0; c < p.C; ++c) result.push_back(place.valid ? valid[next++] : 0.0);
  return result;
}

Normed run_oracle(const BatchNormProblem& p, const oracle::Matrix& x, const oracle::Matrix& dy) {
  oracle::BatchNorm layer{p.gamma, p.beta, p.running_mean, p.running_var, p.epsilon, p.momentum};
  const oracle::BatchNormed out =
      p.training ? oracle::batch_norm_train(layer, x) : oracle::batch_norm_eval(layer, x);
  oracle::BatchNormGradients g = oracle::batch_norm_backward(layer, x, out, dy, p.training);
  for (size_t c = 0; c < p.C; ++c) {
    g.dgamma[c] += p.dgamma0[c];
    g.dbeta[c] += p.dbeta0[c];
  }
  return {out.y.values,    layer.running_mean, layer.running_var, out.mean,
          out.inverse_std, g.dx.values,        g.dgamma,          g.dbeta};
}

Normed run_oracle(const BatchNormProblem& p) {
  const auto M = static_cast<size_t>(p.host.tokens);
  return run_oracle(p, {M, p.C, valid_rows(p, p.x)}, {M, p.C, valid_rows(p, p.dy)});
}

// Statistics are sums of M values; what follows multiplies them by a few more.
Bound bound_of(DType acc, const BatchNormProblem& p) {
  Bound bound = tolerance::sum(acc, p.host.tokens);
  bound.of_element += 8 * tolerance::unit(acc);
  bound.of_largest += 8 * tolerance::unit(acc);
  return bound;
}

double largest(const Values& values) {
  double result = 0;
  for (double v : values) result = std::max(result, std::abs(v));
  return result;
}

// Where few rows have little spread, 1 / sigma magnifies the rounding of x - mean.
Bound magnified(const Bound& bound, const Normed& want) {
  return {bound.of_element, bound.of_largest * std::max(1.0, largest(want.inverse_std))};
}

// dx is a difference of terms of size gamma / sigma * dy, |dy| <= 1; with few rows it all but vanishes, so
// that the bound must be taken of the terms.
Bound input_gradient_bound(const Bound& bound, const BatchNormProblem& p, const Normed& want) {
  Bound result = magnified(bound, want);
  const double terms = largest(p.gamma) * largest(want.inverse_std);
  result.of_largest *= std::max(1.0, terms / largest(want.dx));
  return result;
}

TEST_P(BatchNormTest, equals_the_oracle) {
  for (const auto& lengths : std::vector<std::vector<int>>{{2}, {5, 3, 0}, {9, 8, 7, 3, 1}, {40, 33, 20, 5}})
    for (size_t C : {1u, 5u, 17u, 64u})
      for (bool training : {true, false}) {
        SCOPED_TRACE(testing::Message()
                     << testing::PrintToString(lengths) << " C " << C << " training " << training);
        Rig rig(*backend_, dtype_);
        const BatchNormProblem p(lengths, layout_, C, dtype_, training);
        const Normed got = run(rig, p), want = run_oracle(p);
        const Bound bound = bound_of(acc_, p);
        EXPECT_TRUE(near(got.y, spread(p, want.y), tolerance::stored_as(dtype_, magnified(bound, want))));
        EXPECT_TRUE(near(got.dx, spread(p, want.dx),
                         tolerance::stored_as(dtype_, input_gradient_bound(bound, p, want))));
        EXPECT_TRUE(near(got.mean, want.mean, bound));
        EXPECT_TRUE(near(got.inverse_std, want.inverse_std, magnified(bound, want)));
        EXPECT_TRUE(near(got.running_mean, want.running_mean, bound));
        EXPECT_TRUE(near(got.running_var, want.running_var, bound));
        EXPECT_TRUE(near(got.dgamma, want.dgamma, magnified(bound, want)));
        EXPECT_TRUE(near(got.dbeta, want.dbeta, bound));
        if (!training) {
          EXPECT_TRUE(same_bits(got.running_mean, p.running_mean));
          EXPECT_TRUE(same_bits(got.running_var, p.running_var));
        }
      }
}

// The bounds must tell a statistic that counts one padding row, one row less, or the biased variance.
TEST_P(BatchNormTest, bounds_bite) {
  Rig rig(*backend_, dtype_);
  BatchNormProblem p({9, 8, 7, 3, 1}, layout_, 5, dtype_, true);
  const Normed got = run(rig, p);
  const Bound bound = bound_of(acc_, p);
  Values x = valid_rows(p, p.x), dy = valid_rows(p, p.dy);
  const Normed whole = run_oracle(p);
  EXPECT_FALSE(near(got.running_var,
                    run_oracle([&] {
                      BatchNormProblem other = p;
                      other.momentum *= 27.0 / 28;  // the biased variance, nearly
                      return other;
                    }())
                        .running_var,
                    bound));
  x.resize(x.size() - p.C);
  dy.resize(dy.size() - p.C);
  const Normed short_by_one = run_oracle(p, {27, p.C, x}, {27, p.C, dy});
  EXPECT_FALSE(near(got.mean, short_by_one.mean, bound));
  x.resize(29 * p.C, 0.0);
  const Normed with_padding = run_oracle(p, {29, p.C, x}, {29, p.C, Values(x.size(), 0.0)});
  EXPECT_FALSE(near(got.inverse_std, with_padding.inverse_std, bound));
  EXPECT_TRUE(near(got.mean, whole.mean, bound));
}

TEST_P(BatchNormTest, one_row_takes_the_biased_variance) {
  Rig rig(*backend_, dtype_);
  const BatchNormProblem p({1}, layout_, 3, dtype_, true);
  const Normed got = run(rig, p);
  EXPECT_TRUE(near(got.y, p.beta, tolerance::stored_as(dtype_, bound_of(acc_, p))));
  for (size_t c = 0; c < 3; ++c)
    EXPECT_NEAR(got.running_var[c], 0.9 * p.running_var[c], 4 * tolerance::unit(dtype_));
}

TEST_P(BatchNormTest, batch_without_a_row_changes_nothing) {
  Rig rig(*backend_, dtype_);
  const BatchNormProblem p({0, 0}, layout_, 3, dtype_, true);
  const Normed got = run(rig, p);
  EXPECT_TRUE(same_bits(got.running_mean, p.running_mean));
  EXPECT_TRUE(same_bits(got.running_var, p.running_var));
  EXPECT_TRUE(same_bits(got.dgamma, p.dgamma0));
  EXPECT_TRUE(same_bits(got.dbeta, p.dbeta0));
}

TEST_P(BatchNormTest, without_a_batch_every_row_counts) {
  Rig rig(*backend_, dtype_);
  BatchNormProblem p({6, 6, 6}, layout_, 17, dtype_, true);  // no padding: the same rows either way
  const Normed got = run(rig, p, false), want = run_oracle(p);
  EXPECT_TRUE(near(got.y, want.y, tolerance::stored_as(dtype_, bound_of(acc_, p))));
  EXPECT_TRUE(near(got.dx, want.dx, tolerance::stored_as(dtype_, bound_of(acc_, p))));
}

// A mean far from nought with little spread: E[x^2] - E[x]^2 would lose every digit in f32.
TEST_P(BatchNormTest, variance_survives_a_large_mean) {
  Rig rig(*backend_, dtype_);
  BatchNormProblem p({20, 20, 11}, layout_, 4, dtype_, true);
  // Exact in the type; in 16 bits, a few of its neighbours.
  const int spread_of_x = is_half(dtype_) ? 4 : 128;
  const double apart = dtype_ == DType::bf16 ? 8 : dtype_ == DType::f16 ? 1 : 0x1p-13;
  p.x = Random(3).whole(p.x.size(), -spread_of_x, spread_of_x);
  for (double& v : p.x) v = 1024 + v * apart;
  spoil_padding(p.host, p.x, p.C);
  const Normed got = run(rig, p), want = run_oracle(p);
  // The saved mean's rounding, 1024 u, stands against deviations of 2^-7: 2^17 u, and as much again for the
  // rest.
  const Bound bound{0x1p18 * tolerance::unit(acc_), 0x1p18 * tolerance::unit(acc_)};
  EXPECT_TRUE(near(got.inverse_std, want.inverse_std, bound));
  EXPECT_TRUE(near(got.y, spread(p, want.y), tolerance::stored_as(dtype_, bound)));
}

TEST_P(BatchNormTest, works_in_place) {
  Rig rig(*backend_, dtype_);
  const BatchNormProblem p({7, 5, 2}, layout_, 9, dtype_, false);
  const Normed apart = run(rig, p);
  const Batch batch = rig.upload(p.host);
  const int64_t M = p.host.rows;
  BatchNormForward forward;
  forward.batch = &batch;
  forward.x = rig.inout(p.x, {M, 9});
  forward.gamma = rig.in_acc(p.gamma, {9});
  forward.beta = rig.in_acc(p.beta, {9});
  forward.running_mean = rig.inout_acc(p.running_mean, {9});
  forward.running_var = rig.inout_acc(p.running_var, {9});
  forward.mean = rig.out_acc({9});
  forward.inverse_std = rig.out_acc({9});
  forward.y = forward.x;
  backend_->batch_norm_forward(forward);
  EXPECT_TRUE(same_bits(rig.get(forward.y), apart.y));
  forward.x = rig.in(p.x, {M, 9});
  forward.y = rig.out({M, 9});
  backend_->batch_norm_forward(forward);
  const Tensor d = rig.inout(p.dy, {M, 9});
  backend_->batch_norm_backward({forward, d, d, rig.inout_acc(p.dgamma0, {9}), rig.inout_acc(p.dbeta0, {9})});
  EXPECT_TRUE(same_bits(rig.get(d), apart.dx));
}

}  // namespace
}  // namespace sluice
