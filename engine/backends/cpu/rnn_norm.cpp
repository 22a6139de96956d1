#include "engine/backends/cpu/rnn_norm.h"

#include <cmath>

namespace sluice::cpu {

template <class T>
Moments<T> moments_of(int64_t n, const T* v) {
  constexpr double kEpsilon = 1e-5;
  const auto count = static_cast<T>(n);
  T sum = 0, squares = 0;
  for (int64_t j = 0; j < n; ++j) sum += v[j];
  const T mean = sum / count;
  for (int64_t j = 0; j < n; ++j) squares += (v[j] - mean) * (v[j] - mean);
  return {mean, T(1) / std::sqrt(squares / count + static_cast<T>(kEpsilon))};
}

template <class T>
T normalise(int64_t n, const T* v, T* hat) {
  const Moments<T> m = moments_of(n, v);
  for (int64_t j = 0; j < n; ++j) hat[j] = (v[j] - m.mean) * m.inverse;
  return m.inverse;
}

template <class T>
void scale(int64_t n, const T* gain, const T* hat, T* to) {
  for (int64_t j = 0; j < n; ++j) to[j] = gain[j] * hat[j];
}

template <class T>
void normalise_backward(int64_t n, const T* gain, T inverse, const T* d, T* hat) {
  T sum = 0, product = 0;
  for (int64_t j = 0; j < n; ++j) {
    const T d_hat = gain[j] * d[j];
    sum += d_hat;
    product += d_hat * hat[j];
  }
  sum /= static_cast<T>(n);
  product /= static_cast<T>(n);
  for (int64_t j = 0; j < n; ++j) hat[j] = inverse * (gain[j] * d[j] - sum - hat[j] * product);
}

template <class T>
void add_gain_gradient(int64_t n, const T* d, const T* hat, T* dgain) {
  for (int64_t j = 0; j < n; ++j) dgain[j] += d[j] * hat[j];
}

template <class T>
void output(CellKind cell, int64_t n, const T* slots, const T* seen, T* h) {
  dispatch_cell(cell, [&]<class Cell>() {
    if constexpr (Cell::kStates == 2)
      for (int64_t j = 0; j < n; ++j) {
        T unit[Cell::kSaved];
        for (int q = 0; q < Cell::kSaved; ++q) unit[q] = slots[q * n + j];
        h[j] = Cell::output(unit, seen[j]);
      }
  });
}

template <class T>
void output_backward(CellKind cell, const SeenBackward<T>& p) {
  dispatch_cell(cell, [&]<class Cell>() {
    if constexpr (Cell::kStates == 2)
      for (int64_t j = 0; j < p.n; ++j) {
        T unit[Cell::kSaved];
        for (int q = 0; q < Cell::kSaved; ++q) unit[q] = p.slots[q * p.n + j];
        p.c_hat[j] = (Cell::state(unit, p.c_prev[j]) - p.moments.mean) * p.moments.inverse;
        const T seen = p.gain[j] * p.c_hat[j] + p.bias[j];
        p.d_output[j] = Cell::output_backward(unit, seen, p.dy[j] + p.dh[j], p.d_seen[j]);
      }
  });
}

template <class T>
void set_output(CellKind cell, int64_t n, const T* d_output, T* slots, T* dbias) {
  dispatch_cell(cell, [&]<class Cell>() {
    if constexpr (Cell::kStates == 2)
      for (int64_t j = 0; j < n; ++j) {
        slots[Cell::kOutputGate * n + j] = d_output[j];
        dbias[Cell::kOutputGate * n + j] += d_output[j];
      }
  });
}

template Moments<float> moments_of(int64_t, const float*);
template float normalise(int64_t, const float*, float*);
template void scale(int64_t, const float*, const float*, float*);
template void normalise_backward(int64_t, const float*, float, const float*, float*);
template void add_gain_gradient(int64_t, const float*, const float*, float*);
template void output(CellKind, int64_t, const float*, const float*, float*);
template void output_backward(CellKind, const SeenBackward<float>&);
template void set_output(CellKind, int64_t, const float*, float*, float*);
template Moments<double> moments_of(int64_t, const double*);
template double normalise(int64_t, const double*, double*);
template void scale(int64_t, const double*, const double*, double*);
template void normalise_backward(int64_t, const double*, double, const double*, double*);
template void add_gain_gradient(int64_t, const double*, const double*, double*);
template void output(CellKind, int64_t, const double*, const double*, double*);
template void output_backward(CellKind, const SeenBackward<double>&);
template void set_output(CellKind, int64_t, const double*, double*, double*);

}  // namespace sluice::cpu
