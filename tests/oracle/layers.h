// Rows, pooling, batch normalisation, dropout, linear and the losses.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/oracle/matrix.h"

namespace oracle {

// ---- rows of tables
Matrix gather(const Matrix& table, const std::vector<int>& ids);
// One result row for each list of rows: their sum.
Matrix segment_sum(const Matrix& x, const std::vector<std::vector<int>>& segments);
void scatter_add(const Matrix& x, const std::vector<int>& slots, Matrix& y);

// ---- pooling of one sequence x [len,C] to [C]; zeros where len is 0
Vector pool_mean(const Matrix& x);
Vector pool_sqrtn(const Matrix& x);  // the sum / sqrt(len)
struct MaxPooled {
  Vector y;
  std::vector<int> argmax;  // step of the first maximum (or of the first NaN), -1 when len is 0
};
MaxPooled pool_max(const Matrix& x);
// Columns are `directions` blocks of equal width: the forward one's last row, the reverse one's first.
Vector pool_last(const Matrix& x, size_t directions);

// Gradients of x [len,C] from dy [C].
Matrix pool_mean_backward(size_t len, const Vector& dy);
Matrix pool_sqrtn_backward(size_t len, const Vector& dy);
Matrix pool_max_backward(size_t len, const std::vector<int>& argmax, const Vector& dy);
Matrix pool_last_backward(size_t len, size_t directions, const Vector& dy);

// ---- batch normalisation of valid rows x [M,C] (Ioffe and Szegedy 2015)
struct BatchNorm {
  Vector gamma, beta, running_mean, running_var;  // [C]
  double epsilon = 1e-5, momentum = 0.1;
};
struct BatchNormed {
  Matrix y;
  Vector mean, inverse_std;  // [C] as used
};
BatchNormed batch_norm_train(BatchNorm& layer, const Matrix& x);  // updates the running statistics
BatchNormed batch_norm_eval(const BatchNorm& layer, const Matrix& x);
struct BatchNormGradients {
  Matrix dx;
  Vector dgamma, dbeta;
};
// training: the gradient flows through the statistics; else they are constants.
BatchNormGradients batch_norm_backward(const BatchNorm& layer, const Matrix& x, const BatchNormed& out,
                                       const Matrix& dy, bool training);

// ---- dropout of row x [C] with the masks of (seed, step, site, t, row)
struct DropoutPlace {
  uint64_t seed = 0;
  uint32_t step = 0, site = 0, t = 0, row = 0;
};
Vector dropout(const Vector& x, double p, const DropoutPlace& place);

// ---- linear: y = x W^T + b
Matrix linear(const Matrix& x, const Matrix& W, const Vector& b);
struct LinearGradients {
  Matrix dx, dW;
  Vector db;
};
LinearGradients linear_backward(const Matrix& x, const Matrix& W, const Matrix& dy);

// ---- losses of logits [B,K]
struct Loss {
  Matrix probabilities, dlogits;  // [B,K]; dlogits of scale * sum of losses
  Vector losses;                  // [B]
  std::vector<int> hits;          // [B]
};
Loss softmax_xent(const Matrix& logits, const std::vector<int>& labels, const Vector& class_weights,
                  double smoothing, double scale);
Loss sigmoid_xent(const Matrix& logits, const Matrix& targets, const Vector& class_weights, double smoothing,
                  double scale);

}  // namespace oracle
