// Layer normalisation of one vector (Ba, Kiros and Hinton 2016), forward and backward.
#pragma once

#include <cmath>

#include "tests/oracle/matrix.h"

namespace oracle {

constexpr double kLayerNormEpsilon = 1e-5;

struct Normed {
  Vector hat;  // (a - mean) / sqrt(variance + epsilon)
  double mean = 0, inverse_std = 1;
};

inline Normed normalise(const Vector& a) {
  const double n = static_cast<double>(a.size());
  double mean = 0, variance = 0;
  for (const double v : a) mean += v / n;
  for (const double v : a) variance += (v - mean) * (v - mean) / n;
  Normed result;
  result.mean = mean;
  result.inverse_std = 1 / std::sqrt(variance + kLayerNormEpsilon);
  for (const double v : a) result.hat.push_back((v - mean) * result.inverse_std);
  return result;
}

// d(loss)/d(a) of d(loss)/d(hat).
inline Vector normalise_backward(const Normed& normed, const Vector& d_hat) {
  const double n = static_cast<double>(d_hat.size());
  double sum = 0, product = 0;
  for (size_t k = 0; k < d_hat.size(); ++k) {
    sum += d_hat[k];
    product += d_hat[k] * normed.hat[k];
  }
  Vector d(d_hat.size());
  for (size_t k = 0; k < d.size(); ++k)
    d[k] = normed.inverse_std * (d_hat[k] - sum / n - normed.hat[k] * product / n);
  return d;
}

}  // namespace oracle
