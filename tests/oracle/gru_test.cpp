#include "tests/oracle/gru.h"

#include <gtest/gtest.h>

#include "tests/oracle/finite_difference.h"

namespace oracle {
namespace {

struct GruProblem {
  GruLayer layer;
  Matrix x;
  Vector h0;
  Matrix dy;
  Vector dhT;
  size_t row = 3;

  GruProblem(size_t len, size_t E, size_t H)
      : x(len, E, wave(len * E, 0.1)), h0(wave(H, 0.2)), dy(len, H, wave(len * H, 0.4)), dhT(wave(H, 0.5)) {
    layer.W = Matrix(3 * H, E, wave(3 * H * E, 0.7));
    layer.R = Matrix(3 * H, H, wave(3 * H * H, 0.8));
    layer.b = wave(3 * H, 0.9);
    layer.b_new = wave(H, 1.0);
    layer.seed = 42;
    layer.step = 9;
    layer.site = 12;
  }

  double loss() const {
    const GruRun run = gru_forward(layer, x, h0, row);
    return dot(run.y.values, dy.values) + dot(run.hT, dhT);
  }

  void check_gradients() {
    const GruRun run = gru_forward(layer, x, h0, row);
    GruGradients sums{Matrix(layer.W.rows, layer.W.cols), Matrix(layer.R.rows, layer.R.cols),
                      Vector(layer.b.size(), 0.0), Vector(layer.b_new.size(), 0.0), zeros_like(layer.norms)};
    const GruInputGradients g = gru_backward(layer, run, dy, dhT, sums);
    const Matrix dx = input_backward(layer, layer.W, x, g.d_input, sums.dW, sums.norms.input);
    const auto f = [this] { return loss(); };
    expect_gradient(f, x.values, dx.values, "x");
    expect_gradient(f, h0, g.dh0, "h0");
    expect_gradient(f, layer.W.values, sums.dW.values, "W");
    expect_gradient(f, layer.R.values, sums.dR.values, "R");
    expect_gradient(f, layer.b, sums.db, "b");
    expect_gradient(f, layer.b_new, sums.db_new, "b_new");
    expect_gradient(f, layer.norms.input, sums.norms.input, "gain of W x");
    expect_gradient(f, layer.norms.recurrent, sums.norms.recurrent, "gain of R h");
  }
};

TEST(OracleGru, gradients_are_the_finite_differences) {
  GruProblem(5, 3, 4).check_gradients();
}

TEST(OracleGru, gradients_of_the_reverse_direction) {
  GruProblem p(4, 2, 3);
  p.layer.reverse = true;
  p.check_gradients();
}

TEST(OracleGru, gradients_with_recurrent_dropout_and_zoneout_in_training) {
  GruProblem p(6, 2, 5);
  p.layer.training = true;
  p.layer.recurrent_dropout = 0.4;
  p.layer.zoneout_hidden = 0.3;
  p.check_gradients();
}

TEST(OracleGru, gradients_with_layer_norm) {
  GruProblem p(5, 3, 4);
  p.layer.training = true;
  p.layer.recurrent_dropout = 0.4;
  p.layer.zoneout_hidden = 0.3;
  p.layer.norms = {wave(12, 1.1), wave(12, 1.2), {}, {}};
  p.check_gradients();
}

TEST(OracleGru, gradients_with_the_expectation_of_zoneout) {
  GruProblem p(4, 2, 3);
  p.layer.zoneout_hidden = 0.3;
  p.check_gradients();
}

TEST(OracleGru, empty_sequence_hands_its_state_through) {
  GruProblem p(0, 2, 3);
  EXPECT_EQ(gru_forward(p.layer, p.x, p.h0, 0).hT, p.h0);
  p.check_gradients();
}

// One unit and one token, worked by hand: no input, so that biases and the state speak. The reset gate scales
// R_n h and its bias, and not the sum of the input side.
TEST(OracleGru, one_step_by_hand) {
  GruLayer layer;
  layer.W = Matrix(3, 1);
  layer.R = Matrix(3, 1);
  layer.R(2, 0) = 2;
  layer.b = {1, -2, 3};  // r z n
  layer.b_new = {-4};
  const GruRun run = gru_forward(layer, Matrix(1, 1), {0.5}, 0);
  const double z = logistic(-2), n = std::tanh(3 + logistic(1) * (2 * 0.5 - 4));
  EXPECT_DOUBLE_EQ(run.hT[0], (1 - z) * n + z * 0.5);
}

TEST(OracleGru, reverse_equals_forward_on_the_reversed_sequence) {
  GruProblem p(5, 3, 4);
  const GruRun forward = gru_forward(p.layer, p.x, p.h0, 0);
  Matrix mirrored(5, 3);
  for (size_t t = 0; t < 5; ++t)
    for (size_t e = 0; e < 3; ++e) mirrored(t, e) = p.x(4 - t, e);
  p.layer.reverse = true;
  EXPECT_EQ(forward.hT, gru_forward(p.layer, mirrored, p.h0, 0).hT);
}

}  // namespace
}  // namespace oracle
