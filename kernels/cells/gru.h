// Gated recurrent unit: Cho et al. 2014, in cuDNN's and PyTorch's form, whose reset gate acts after the
// product with R.
//   r = sigma(W_r x + R_r h_prev + b_r)           z = sigma(W_z x + R_z h_prev + b_z)
//   m = R_m h_prev + b_m      n = tanh(W_n x + b_n + r m)      h = (1 - z) n + z h_prev
// The slots are n, r, z, m: W holds n r z, R holds r z m, b all four. (Two biases for r and for z, as cuDNN
// and PyTorch have them, are their sums here.)
#pragma once

#include "kernels/cells/cell.h"
#include "kernels/core/math.h"

namespace sluice {

struct Gru {
  static constexpr CellKind kKind = CellKind::gru;
  static constexpr const char* kName = "gru";
  static constexpr int kGates = 3;   // of W: n r z; of R: r z m
  static constexpr int kSaved = 4;   // n r z m
  static constexpr int kStates = 1;  // h
  static constexpr bool kCarriesH = true;
  static constexpr int kForgetGate = -1;

  template <class T>
  SLUICE_HD static void forward(const T (&x)[3], const T (&h)[3], const T (&b)[4], const T (&prev)[1],
                                T (&slots)[4], T (&next)[1]) {
    const T r = sigmoid(x[1] + h[0] + b[1]);
    const T z = sigmoid(x[2] + h[1] + b[2]);
    const T m = h[2] + b[3];
    const T n = fast_tanh(x[0] + b[0] + r * m);
    slots[0] = n;
    slots[1] = r;
    slots[2] = z;
    slots[3] = m;
    next[0] = n + z * (prev[0] - n);
  }

  template <class T>
  SLUICE_HD static void backward(T (&slots)[4], const T (&prev)[1], T (&d)[1]) {
    const T n = slots[0], r = slots[1], z = slots[2], m = slots[3];
    const T d_n = d[0] * (T(1) - z) * (T(1) - n * n);
    slots[0] = d_n;
    slots[1] = d_n * m * r * (T(1) - r);
    slots[2] = d[0] * (prev[0] - n) * z * (T(1) - z);
    slots[3] = d_n * r;
    d[0] = d[0] * z;
  }
};

}  // namespace sluice
