// Long short-term memory: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.
//   i = sigma(pre0)  f = sigma(pre1)  g = tanh(pre2)  o = sigma(pre3)
//   c = f c_prev + i g        h = o tanh(c)
#pragma once

#include "kernels/cells/cell.h"
#include "kernels/core/math.h"

namespace sluice {

struct Lstm {
  static constexpr CellKind kKind = CellKind::lstm;
  static constexpr const char* kName = "lstm";
  static constexpr int kGates = 4;   // i f g o
  static constexpr int kStates = 2;  // h c

  // pre: sums before activation, overwritten by the activated gates, which backward() needs.
  template <class T>
  SLUICE_HD static void forward(T (&gates)[4], T c_prev, T& h, T& c) {
    gates[0] = sigmoid(gates[0]);
    gates[1] = sigmoid(gates[1]);
    gates[2] = fast_tanh(gates[2]);
    gates[3] = sigmoid(gates[3]);
    c = gates[1] * c_prev + gates[0] * gates[2];
    h = gates[3] * fast_tanh(c);
  }

  // c before any zoneout, of activated gates.
  template <class T>
  SLUICE_HD static T new_state(const T (&gates)[4], T c_prev) {
    return gates[1] * c_prev + gates[0] * gates[2];
  }

  // gates: activated gates in, gradients of the sums before activation out.
  // dh: gradient of h; dc: gradient of c from the step after, in; gradient of c_prev, out. c is forward()'s.
  template <class T>
  SLUICE_HD static void backward(T (&gates)[4], T c_prev, T c, T dh, T& dc) {
    const T i = gates[0], f = gates[1], g = gates[2], o = gates[3];
    const T tanh_c = fast_tanh(c);
    const T d_c = dc + dh * o * (T(1) - tanh_c * tanh_c);
    gates[0] = d_c * g * i * (T(1) - i);
    gates[1] = d_c * c_prev * f * (T(1) - f);
    gates[2] = d_c * i * (T(1) - g * g);
    gates[3] = dh * tanh_c * o * (T(1) - o);
    dc = d_c * f;
  }
};

}  // namespace sluice
