#include "tests/oracle/layers.h"

#include <cmath>

#include "tests/oracle/philox.h"

namespace oracle {

Matrix gather(const Matrix& table, const std::vector<int>& ids) {
  Matrix y(ids.size(), table.cols);
  for (size_t r = 0; r < ids.size(); ++r)
    for (size_t e = 0; e < table.cols; ++e) y(r, e) = table(static_cast<size_t>(ids[r]), e);
  return y;
}

Matrix segment_sum(const Matrix& x, const std::vector<std::vector<int>>& segments) {
  Matrix y(segments.size(), x.cols);
  for (size_t u = 0; u < segments.size(); ++u)
    for (int row : segments[u])
      for (size_t e = 0; e < x.cols; ++e) y(u, e) += x(static_cast<size_t>(row), e);
  return y;
}

void scatter_add(const Matrix& x, const std::vector<int>& slots, Matrix& y) {
  for (size_t u = 0; u < slots.size(); ++u)
    for (size_t e = 0; e < x.cols; ++e) y(static_cast<size_t>(slots[u]), e) += x(u, e);
}

Vector pool_mean(const Matrix& x) {
  Vector y(x.cols, 0.0);
  for (size_t c = 0; c < x.cols; ++c) {
    for (size_t t = 0; t < x.rows; ++t) y[c] += x(t, c);
    if (x.rows > 0) y[c] /= static_cast<double>(x.rows);
  }
  return y;
}

Vector pool_sqrtn(const Matrix& x) {
  Vector y(x.cols, 0.0);
  for (size_t c = 0; c < x.cols; ++c)
    for (size_t t = 0; t < x.rows; ++t) y[c] += x(t, c) / std::sqrt(static_cast<double>(x.rows));
  return y;
}

MaxPooled pool_max(const Matrix& x) {
  MaxPooled result{Vector(x.cols, 0.0), std::vector<int>(x.cols, -1)};
  for (size_t c = 0; c < x.cols; ++c)
    for (size_t t = 0; t < x.rows; ++t) {
      const bool first = t == 0, settled = std::isnan(result.y[c]);
      if (first || (!settled && (std::isnan(x(t, c)) || x(t, c) > result.y[c]))) {
        result.y[c] = x(t, c);
        result.argmax[c] = static_cast<int>(t);
      }
    }
  return result;
}

namespace {
size_t last_row(size_t len, size_t cols, size_t directions, size_t c) {
  const bool reverse = c >= cols / directions;
  return reverse ? 0 : len - 1;
}
}  // namespace

Vector pool_last(const Matrix& x, size_t directions) {
  Vector y(x.cols, 0.0);
  for (size_t c = 0; c < x.cols && x.rows > 0; ++c) y[c] = x(last_row(x.rows, x.cols, directions, c), c);
  return y;
}

Matrix pool_mean_backward(size_t len, const Vector& dy) {
  Matrix dx(len, dy.size());
  for (size_t t = 0; t < len; ++t)
    for (size_t c = 0; c < dy.size(); ++c) dx(t, c) = dy[c] / static_cast<double>(len);
  return dx;
}

Matrix pool_sqrtn_backward(size_t len, const Vector& dy) {
  Matrix dx(len, dy.size());
  for (size_t t = 0; t < len; ++t)
    for (size_t c = 0; c < dy.size(); ++c) dx(t, c) = dy[c] / std::sqrt(static_cast<double>(len));
  return dx;
}

Matrix pool_max_backward(size_t len, const std::vector<int>& argmax, const Vector& dy) {
  Matrix dx(len, dy.size());
  for (size_t c = 0; c < dy.size(); ++c)
    if (argmax[c] >= 0) dx(static_cast<size_t>(argmax[c]), c) = dy[c];
  return dx;
}

Matrix pool_last_backward(size_t len, size_t directions, const Vector& dy) {
  Matrix dx(len, dy.size());
  for (size_t c = 0; c < dy.size() && len > 0; ++c) dx(last_row(len, dy.size(), directions, c), c) = dy[c];
  return dx;
}

namespace {
BatchNormed normalise(const BatchNorm& layer, const Matrix& x, const Vector& mean, const Vector& variance) {
  BatchNormed out{Matrix(x.rows, x.cols), mean, Vector(x.cols)};
  for (size_t c = 0; c < x.cols; ++c) {
    out.inverse_std[c] = 1.0 / std::sqrt(variance[c] + layer.epsilon);
    for (size_t r = 0; r < x.rows; ++r)
      out.y(r, c) = layer.gamma[c] * (x(r, c) - mean[c]) * out.inverse_std[c] + layer.beta[c];
  }
  return out;
}
}  // namespace

BatchNormed batch_norm_train(BatchNorm& layer, const Matrix& x) {
  const double M = static_cast<double>(x.rows);
  Vector mean(x.cols, 0.0), variance(x.cols, 0.0);
  for (size_t c = 0; c < x.cols && x.rows > 0; ++c) {
    for (size_t r = 0; r < x.rows; ++r) mean[c] += x(r, c) / M;
    for (size_t r = 0; r < x.rows; ++r) variance[c] += (x(r, c) - mean[c]) * (x(r, c) - mean[c]) / M;
    const double unbiased = x.rows > 1 ? variance[c] * M / (M - 1) : variance[c];
    layer.running_mean[c] += layer.momentum * (mean[c] - layer.running_mean[c]);
    layer.running_var[c] += layer.momentum * (unbiased - layer.running_var[c]);
  }
  return normalise(layer, x, mean, variance);
}

BatchNormed batch_norm_eval(const BatchNorm& layer, const Matrix& x) {
  return normalise(layer, x, layer.running_mean, layer.running_var);
}

BatchNormGradients batch_norm_backward(const BatchNorm& layer, const Matrix& x, const BatchNormed& out,
                                       const Matrix& dy, bool training) {
  const double M = static_cast<double>(x.rows);
  BatchNormGradients g{Matrix(x.rows, x.cols), Vector(x.cols, 0.0), Vector(x.cols, 0.0)};
  for (size_t c = 0; c < x.cols; ++c) {
    const auto x_hat = [&](size_t r) { return (x(r, c) - out.mean[c]) * out.inverse_std[c]; };
    for (size_t r = 0; r < x.rows; ++r) {
      g.dbeta[c] += dy(r, c);
      g.dgamma[c] += dy(r, c) * x_hat(r);
    }
    for (size_t r = 0; r < x.rows; ++r) {
      const double through_statistics = training ? (g.dbeta[c] + x_hat(r) * g.dgamma[c]) / M : 0.0;
      g.dx(r, c) = layer.gamma[c] * out.inverse_std[c] * (dy(r, c) - through_statistics);
    }
  }
  return g;
}

Vector dropout(const Vector& x, double p, const DropoutPlace& place) {
  Vector y(x.size(), 0.0);
  for (size_t c = 0; c < x.size(); ++c)
    if (!dropped({place.seed, place.step, place.site, place.t, place.row, static_cast<uint32_t>(c)}, p))
      y[c] = x[c] / (1.0 - p);
  return y;
}

Matrix linear(const Matrix& x, const Matrix& W, const Vector& b) {
  Matrix y(x.rows, W.rows);
  for (size_t m = 0; m < x.rows; ++m)
    for (size_t k = 0; k < W.rows; ++k) {
      y(m, k) = b[k];
      for (size_t c = 0; c < x.cols; ++c) y(m, k) += x(m, c) * W(k, c);
    }
  return y;
}

LinearGradients linear_backward(const Matrix& x, const Matrix& W, const Matrix& dy) {
  LinearGradients g{Matrix(x.rows, x.cols), Matrix(W.rows, W.cols), Vector(W.rows, 0.0)};
  for (size_t m = 0; m < x.rows; ++m)
    for (size_t k = 0; k < W.rows; ++k) {
      g.db[k] += dy(m, k);
      for (size_t c = 0; c < x.cols; ++c) {
        g.dx(m, c) += dy(m, k) * W(k, c);
        g.dW(k, c) += dy(m, k) * x(m, c);
      }
    }
  return g;
}

Loss softmax_xent(const Matrix& logits, const std::vector<int>& labels, const Vector& class_weights,
                  double smoothing, double scale) {
  const size_t B = logits.rows, K = logits.cols;
  Loss result{Matrix(B, K), Matrix(B, K), Vector(B, 0.0), std::vector<int>(B, 0)};
  for (size_t b = 0; b < B; ++b) {
    double largest = logits(b, 0), sum = 0;
    int at = 0;
    for (size_t k = 1; k < K; ++k)
      if (logits(b, k) > largest) {
        largest = logits(b, k);
        at = static_cast<int>(k);
      }
    result.hits[b] = at == labels[b];
    for (size_t k = 0; k < K; ++k) sum += std::exp(logits(b, k) - largest);
    for (size_t k = 0; k < K; ++k) result.probabilities(b, k) = std::exp(logits(b, k) - largest) / sum;
    if (labels[b] < 0) continue;
    const auto label = static_cast<size_t>(labels[b]);
    const double weight = class_weights.empty() ? 1.0 : class_weights[label];
    for (size_t k = 0; k < K; ++k) {
      const double target = (k == label ? 1 - smoothing : 0.0) + smoothing / static_cast<double>(K);
      const double log_probability = logits(b, k) - largest - std::log(sum);
      result.losses[b] -= weight * target * log_probability;
      result.dlogits(b, k) = scale * weight * (result.probabilities(b, k) - target);
    }
  }
  return result;
}

Loss sigmoid_xent(const Matrix& logits, const Matrix& targets, const Vector& class_weights, double smoothing,
                  double scale) {
  const size_t B = logits.rows, K = logits.cols;
  Loss result{Matrix(B, K), Matrix(B, K), Vector(B, 0.0), std::vector<int>(B, 1)};
  for (size_t b = 0; b < B; ++b)
    for (size_t k = 0; k < K; ++k) {
      const double z = logits(b, k), weight = class_weights.empty() ? 1.0 : class_weights[k];
      if ((z > 0) != (targets(b, k) > 0.5)) result.hits[b] = 0;
      const double target = (1 - smoothing) * targets(b, k) + smoothing / 2;
      // -log sigma(z) = log(1 + e^-z), written so that neither exponential overflows.
      const auto minus_log_sigmoid = [](double v) {
        return v > 0 ? std::log1p(std::exp(-v)) : std::log1p(std::exp(v)) - v;
      };
      result.probabilities(b, k) = z > 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z));
      result.losses[b] += weight * (target * minus_log_sigmoid(z) + (1 - target) * minus_log_sigmoid(-z));
      result.dlogits(b, k) = scale * weight * (result.probabilities(b, k) - target);
    }
  return result;
}

}  // namespace oracle
