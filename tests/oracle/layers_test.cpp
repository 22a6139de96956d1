#include "tests/oracle/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/oracle/finite_difference.h"

namespace oracle {
namespace {

using testing::ElementsAre;

TEST(OracleRows, by_hand) {
  const Matrix table(3, 2, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(gather(table, {2, 0}).values, ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(segment_sum(table, {{0, 2}, {}, {1}}).values, ElementsAre(6, 8, 0, 0, 3, 4));
  Matrix y(2, 2, {10, 20, 30, 40});
  scatter_add(Matrix(1, 2, {1, 2}), {1}, y);
  EXPECT_THAT(y.values, ElementsAre(10, 20, 31, 42));
}

TEST(OraclePooling, by_hand) {
  const Matrix x(3, 2, {1, 7, 5, 7, 3, 1});
  EXPECT_THAT(pool_mean(x), ElementsAre(3, 5));
  EXPECT_THAT(pool_max(x).y, ElementsAre(5, 7));
  EXPECT_THAT(pool_max(x).argmax, ElementsAre(1, 0));  // the tie goes to the earlier step
  EXPECT_THAT(pool_last(x, 1), ElementsAre(3, 1));
  EXPECT_THAT(pool_last(x, 2), ElementsAre(3, 7));
  const Matrix none(0, 2);
  EXPECT_THAT(pool_mean(none), ElementsAre(0, 0));
  EXPECT_THAT(pool_max(none).argmax, ElementsAre(-1, -1));
  EXPECT_THAT(pool_last(none, 2), ElementsAre(0, 0));
  const Matrix with_nan(3, 1, {9, std::nan(""), 10});
  EXPECT_TRUE(std::isnan(pool_max(with_nan).y[0]));
  EXPECT_THAT(pool_max(with_nan).argmax, ElementsAre(1));
}

TEST(OraclePooling, gradients_are_the_finite_differences) {
  Matrix x(5, 4, wave(20, 0.3));
  const Vector dy = wave(4, 1.1);
  expect_gradient([&] { return dot(pool_mean(x), dy); }, x.values, pool_mean_backward(5, dy).values, "mean");
  expect_gradient([&] { return dot(pool_max(x).y, dy); }, x.values,
                  pool_max_backward(5, pool_max(x).argmax, dy).values, "max");
  expect_gradient([&] { return dot(pool_last(x, 2), dy); }, x.values, pool_last_backward(5, 2, dy).values,
                  "last");
}

TEST(OracleBatchNorm, gradients_are_the_finite_differences) {
  for (bool training : {true, false}) {
    Matrix x(6, 3, wave(18, 0.3));
    BatchNorm layer{wave(3, 1), wave(3, 2), wave(3, 3), {0.5, 1.5, 2.5}};
    const Matrix dy(6, 3, wave(18, 0.7));
    const auto forward = [&] {
      BatchNorm copy = layer;
      return training ? batch_norm_train(copy, x) : batch_norm_eval(copy, x);
    };
    const auto loss = [&] { return dot(forward().y.values, dy.values); };
    const BatchNormGradients g = batch_norm_backward(layer, x, forward(), dy, training);
    expect_gradient(loss, x.values, g.dx.values, "x");
    expect_gradient(loss, layer.gamma, g.dgamma, "gamma");
    expect_gradient(loss, layer.beta, g.dbeta, "beta");
  }
}

TEST(OracleDropout, expectation_is_the_input) {
  const Vector x(20000, 1.0);
  double sum = 0;
  for (double y : dropout(x, 0.25, {11, 2, 3, 4, 5})) {
    EXPECT_TRUE(y == 0 || y == 1 / 0.75);
    sum += y;
  }
  EXPECT_NEAR(sum / 20000, 1.0, 0.02);
}

TEST(OracleLinear, gradients_are_the_finite_differences) {
  Matrix x(4, 3, wave(12, 0.1)), W(2, 3, wave(6, 0.2));
  Vector b = wave(2, 0.3);
  const Matrix dy(4, 2, wave(8, 0.4));
  const auto loss = [&] { return dot(linear(x, W, b).values, dy.values); };
  const LinearGradients g = linear_backward(x, W, dy);
  expect_gradient(loss, x.values, g.dx.values, "x");
  expect_gradient(loss, W.values, g.dW.values, "W");
  expect_gradient(loss, b, g.db, "b");
}

double total(const Loss& loss, double scale) {
  double sum = 0;
  for (double v : loss.losses) sum += v;
  return scale * sum;
}

TEST(OracleLoss, softmax_gradients_are_the_finite_differences) {
  Matrix logits(4, 3, wave(12, 0.5));
  const std::vector<int> labels = {2, 0, -1, 1};
  const Vector weights = {0.5, 2, 1.25};
  const Loss loss = softmax_xent(logits, labels, weights, 0.2, 0.25);
  expect_gradient([&] { return total(softmax_xent(logits, labels, weights, 0.2, 0.25), 0.25); },
                  logits.values, loss.dlogits.values, "logits");
  EXPECT_EQ(loss.losses[2], 0);
  const Loss plain = softmax_xent(Matrix(1, 2, {std::log(3.0), 0.0}), {0}, {}, 0, 1);
  EXPECT_NEAR(plain.losses[0], std::log(4.0 / 3), 1e-15);
}

TEST(OracleLoss, sigmoid_gradients_are_the_finite_differences) {
  Matrix logits(3, 4, wave(12, 0.5));
  const Matrix targets(3, 4, {1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0});
  const Vector weights = {0.5, 2, 1.25, 1};
  const Loss loss = sigmoid_xent(logits, targets, weights, 0.1, 0.5);
  expect_gradient([&] { return total(sigmoid_xent(logits, targets, weights, 0.1, 0.5), 0.5); }, logits.values,
                  loss.dlogits.values, "logits");
  const Loss plain = sigmoid_xent(Matrix(1, 1, 0.0), Matrix(1, 1, 1.0), {}, 0, 1);
  EXPECT_NEAR(plain.losses[0], std::log(2.0), 1e-15);
}

}  // namespace
}  // namespace oracle
