#include "tests/oracle/optim.h"

#include <algorithm>
#include <cmath>

namespace oracle {

double sum_squares(const Vector& x) {
  long double sum = 0;  // a naive sum in double would be less precise than the chunked one it judges
  for (double value : x) sum += static_cast<long double>(value) * value;
  return static_cast<double>(sum);
}

double clip_scale(double sum_of_squares, double max_norm) {
  if (max_norm == 0) return 1;
  return std::min(1.0, max_norm / std::sqrt(sum_of_squares));
}

double average(double average, double x, double share) {
  return (1 - share) * average + share * x;
}

double clip_value(double x, double limit) {
  if (x > limit) return limit;
  if (x < -limit) return -limit;
  return x;
}

void AdamRule::update(double& w, double& m, double& v, double gradient, int step) const {
  if (decoupled)
    w -= learning_rate * weight_decay * w;
  else
    gradient += weight_decay * w;
  m = beta1 * m + (1 - beta1) * gradient;
  v = beta2 * v + (1 - beta2) * gradient * gradient;
  const double m_hat = m / (1 - std::pow(beta1, step));
  const double v_hat = v / (1 - std::pow(beta2, step));
  w -= learning_rate * m_hat / (std::sqrt(v_hat) + epsilon);
}

void AdamRule::catch_up(double& w, double& m, double& v, int missed) const {
  for (int k = 0; k < missed; ++k) {
    m *= beta1;
    v *= beta2;
    if (decoupled) w *= 1 - learning_rate * weight_decay;
  }
}

void SgdRule::update(double& w, double& m, double gradient) const {
  gradient += weight_decay * w;
  m = momentum * m + gradient;
  w -= learning_rate * (nesterov ? gradient + momentum * m : m);
}

void SgdRule::catch_up(double& m, int missed) const {
  for (int k = 0; k < missed; ++k) m *= momentum;
}

}  // namespace oracle
