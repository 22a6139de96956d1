// Central finite differences: how the oracle's own gradients are checked.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/oracle/matrix.h"

namespace oracle {

// Deterministic values in about [-1, 1].
inline Vector wave(size_t count, double phase) {
  Vector values(count);
  for (size_t k = 0; k < count; ++k) values[k] = std::sin(phase + 1.7 * static_cast<double>(k * k % 101));
  return values;
}

inline double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

// Expects `gradient` to be that of loss() with respect to `parameter`, which loss() reads, to a relative 1e-6
// of the largest entry. The step 1e-5 balances truncation (its square) against rounding (2e-16 over it).
inline void expect_gradient(const std::function<double()>& loss, Vector& parameter, const Vector& gradient,
                            const char* name) {
  ASSERT_EQ(parameter.size(), gradient.size()) << name;
  double largest = 0;
  for (double g : gradient) largest = std::max(largest, std::abs(g));
  const double step = 1e-5;
  for (size_t k = 0; k < parameter.size(); ++k) {
    const double value = parameter[k];
    parameter[k] = value + step;
    const double above = loss();
    parameter[k] = value - step;
    const double below = loss();
    parameter[k] = value;
    EXPECT_NEAR((above - below) / (2 * step), gradient[k], 1e-6 * std::max(largest, 1e-3))
        << name << "[" << k << "]";
  }
}

}  // namespace oracle
