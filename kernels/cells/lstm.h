// Long short-term memory: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
//   pre = W x + R h_prev + b
//   i = sigma(pre0)  f = sigma(pre1)  g = tanh(pre2)  o = sigma(pre3)      (cuDNN's and PyTorch's order)
//   c = f c_prev + i g        h = o tanh(c)
#pragma once

#include "kernels/cells/cell.h"
#include "kernels/core/math.h"

namespace sluice {

struct Lstm {
  static constexpr CellKind kKind = CellKind::lstm;
  static constexpr const char* kName = "lstm";
  static constexpr int kGates = 4;   // i f g o
  static constexpr int kSaved = 4;   // the activated gates
  static constexpr int kStates = 2;  // h c
  static constexpr bool kCarriesH = false;
  static constexpr int kForgetGate = 1, kOutputGate = 3;

  template <class T>
  SLUICE_HD static T state(const T (&gates)[4], T c_prev) {
    return gates[1] * c_prev + gates[0] * gates[2];
  }
  template <class T>
  SLUICE_HD static T output(const T (&gates)[4], T seen) {
    return gates[3] * fast_tanh(seen);
  }
  template <class T>
  SLUICE_HD static T output_backward(const T (&gates)[4], T seen, T dh, T& d_seen) {
    const T o = gates[3], tanh_seen = fast_tanh(seen);
    d_seen = dh * o * (T(1) - tanh_seen * tanh_seen);
    return dh * tanh_seen * o * (T(1) - o);
  }

  template <class T>
  SLUICE_HD static void forward(const T (&x)[4], const T (&h)[4], const T (&b)[4], const T (&prev)[2],
                                T (&gates)[4], T (&next)[2]) {
    gates[0] = sigmoid(x[0] + h[0] + b[0]);
    gates[1] = sigmoid(x[1] + h[1] + b[1]);
    gates[2] = fast_tanh(x[2] + h[2] + b[2]);
    gates[3] = sigmoid(x[3] + h[3] + b[3]);
    next[1] = state(gates, prev[1]);
    next[0] = output(gates, next[1]);
  }

  template <class T>
  SLUICE_HD static void backward(T (&gates)[4], const T (&prev)[2], T (&d)[2]) {
    const T i = gates[0], f = gates[1], g = gates[2];
    T d_c;
    gates[3] = output_backward(gates, state(gates, prev[1]), d[0], d_c);
    d_c = d[1] + d_c;
    gates[0] = d_c * g * i * (T(1) - i);
    gates[1] = d_c * prev[1] * f * (T(1) - f);
    gates[2] = d_c * i * (T(1) - g * g);
    d[0] = 0;
    d[1] = d_c * f;
  }
};

}  // namespace sluice
