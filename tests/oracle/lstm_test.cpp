#include "tests/oracle/lstm.h"

#include <gtest/gtest.h>

#include "tests/oracle/finite_difference.h"

namespace oracle {
namespace {

struct LstmProblem {
  LstmLayer layer;
  Matrix x;
  Vector h0, c0;
  Matrix dy;
  Vector dhT, dcT;
  size_t row = 3;

  LstmProblem(size_t len, size_t E, size_t H)
      : x(len, E, wave(len * E, 0.1)),
        h0(wave(H, 0.2)),
        c0(wave(H, 0.3)),
        dy(len, H, wave(len * H, 0.4)),
        dhT(wave(H, 0.5)),
        dcT(wave(H, 0.6)) {
    layer.W = Matrix(4 * H, E, wave(4 * H * E, 0.7));
    layer.R = Matrix(4 * H, H, wave(4 * H * H, 0.8));
    layer.b = wave(4 * H, 0.9);
    layer.seed = 42;
    layer.step = 9;
    layer.site = 12;
  }

  double loss() const {
    const LstmRun run = lstm_forward(layer, x, h0, c0, row);
    return dot(run.y.values, dy.values) + dot(run.hT, dhT) + dot(run.cT, dcT);
  }

  void check_gradients() {
    const LstmRun run = lstm_forward(layer, x, h0, c0, row);
    LstmGradients sums{Matrix(layer.W.rows, layer.W.cols), Matrix(layer.R.rows, layer.R.cols),
                       Vector(layer.b.size(), 0.0), zeros_like(layer.norms)};
    const LstmInputGradients g = lstm_backward(layer, run, dy, dhT, dcT, sums);
    const Matrix dx = input_backward(layer, layer.W, x, g.d_input, sums.dW, sums.norms.input);
    const auto f = [this] { return loss(); };
    expect_gradient(f, x.values, dx.values, "x");
    expect_gradient(f, h0, g.dh0, "h0");
    expect_gradient(f, c0, g.dc0, "c0");
    expect_gradient(f, layer.W.values, sums.dW.values, "W");
    expect_gradient(f, layer.R.values, sums.dR.values, "R");
    expect_gradient(f, layer.b, sums.db, "b");
    expect_gradient(f, layer.norms.input, sums.norms.input, "gain of W x");
    expect_gradient(f, layer.norms.recurrent, sums.norms.recurrent, "gain of R h");
    expect_gradient(f, layer.norms.cell, sums.norms.cell, "gain of c");
    expect_gradient(f, layer.norms.cell_bias, sums.norms.cell_bias, "bias of c");
  }
};

TEST(OracleLstm, gradients_are_the_finite_differences) {
  LstmProblem(5, 3, 4).check_gradients();
}

TEST(OracleLstm, gradients_of_the_reverse_direction) {
  LstmProblem p(4, 2, 3);
  p.layer.reverse = true;
  p.check_gradients();
}

TEST(OracleLstm, gradients_with_recurrent_dropout_and_zoneout_in_training) {
  LstmProblem p(6, 2, 5);
  p.layer.training = true;
  p.layer.recurrent_dropout = 0.4;
  p.layer.zoneout_hidden = 0.3;
  p.layer.zoneout_cell = 0.5;
  p.check_gradients();
}

TEST(OracleLstm, gradients_with_layer_norm) {
  LstmProblem p(5, 3, 4);
  p.layer.training = true;
  p.layer.recurrent_dropout = 0.4;
  p.layer.zoneout_hidden = 0.3;
  p.layer.zoneout_cell = 0.5;
  p.layer.norms = {wave(16, 1.1), wave(16, 1.2), wave(4, 1.3), wave(4, 1.4)};
  p.check_gradients();
}

// Two units and gates that do not saturate; the variance of two numbers a, -a is a^2.
TEST(OracleLstm, one_step_with_layer_norm_by_hand) {
  LstmLayer layer;
  layer.W = Matrix(8, 1, {3, -3, 3, -3, 3, -3, 3, -3});
  layer.R = Matrix(8, 2);
  layer.b = Vector(8, 0.25);
  layer.norms = {Vector(8, 2.0), Vector(8, 7.0), {1.5, 1.5}, {0.5, 0.5}};
  const LstmRun run = lstm_forward(layer, Matrix(1, 1, Vector{1}), {0, 0}, {0, 0}, 0);
  const double hat = 3 / std::sqrt(9 + 1e-5), up = 2 * hat + 0.25, down = -2 * hat + 0.25;
  const double c0 = logistic(up) * std::tanh(up), c1 = logistic(down) * std::tanh(down), half = (c0 - c1) / 2;
  EXPECT_NEAR(run.cT[0], c0, 1e-15);
  EXPECT_NEAR(run.cT[1], c1, 1e-15);
  const double c_hat = half / std::sqrt(half * half + 1e-5);
  EXPECT_NEAR(run.hT[0], logistic(up) * std::tanh(1.5 * c_hat + 0.5), 1e-15);
  EXPECT_NEAR(run.hT[1], logistic(down) * std::tanh(-1.5 * c_hat + 0.5), 1e-15);
}

TEST(OracleLstm, gradients_with_the_expectation_of_zoneout) {
  LstmProblem p(4, 2, 3);
  p.layer.zoneout_hidden = 0.3;
  p.layer.zoneout_cell = 0.5;
  p.check_gradients();
}

TEST(OracleLstm, empty_sequence_hands_its_state_through) {
  LstmProblem p(0, 2, 3);
  const LstmRun run = lstm_forward(p.layer, p.x, p.h0, p.c0, 0);
  EXPECT_EQ(run.hT, p.h0);
  EXPECT_EQ(run.cT, p.c0);
  p.check_gradients();
}

// One unit and one token, worked by hand: all weights nought, so that only biases speak.
TEST(OracleLstm, one_step_by_hand) {
  LstmLayer layer;
  layer.W = Matrix(4, 1);
  layer.R = Matrix(4, 1);
  layer.b = {1, 2, 3, 4};  // i f g o
  const LstmRun run = lstm_forward(layer, Matrix(1, 1), {0.5}, {0.25}, 0);
  const auto sigma = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double c = sigma(2) * 0.25 + sigma(1) * std::tanh(3.0);
  EXPECT_DOUBLE_EQ(run.cT[0], c);
  EXPECT_DOUBLE_EQ(run.hT[0], sigma(4) * std::tanh(c));
}

TEST(OracleLstm, reverse_equals_forward_on_the_reversed_sequence) {
  LstmProblem p(5, 3, 4);
  const LstmRun forward = lstm_forward(p.layer, p.x, p.h0, p.c0, 0);
  Matrix mirrored(5, 3);
  for (size_t t = 0; t < 5; ++t)
    for (size_t e = 0; e < 3; ++e) mirrored(t, e) = p.x(4 - t, e);
  p.layer.reverse = true;
  const LstmRun reverse = lstm_forward(p.layer, mirrored, p.h0, p.c0, 0);
  EXPECT_EQ(forward.hT, reverse.hT);
  for (size_t t = 0; t < 5; ++t)
    for (size_t j = 0; j < 4; ++j) EXPECT_EQ(forward.y(t, j), reverse.y(4 - t, j));
}

// Zoneout of 1 keeps everything: the state never moves.
TEST(OracleLstm, total_zoneout_freezes_the_state) {
  LstmProblem p(3, 2, 4);
  p.layer.zoneout_hidden = p.layer.zoneout_cell = 1;
  const LstmRun run = lstm_forward(p.layer, p.x, p.h0, p.c0, 0);
  EXPECT_EQ(run.hT, p.h0);
  EXPECT_EQ(run.cT, p.c0);
}

}  // namespace
}  // namespace oracle
