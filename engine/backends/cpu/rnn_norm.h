// Layer normalisation in the cell on the path `cpu`, one row at a time; sums run in one order.
#pragma once

#include <cstdint>

#include "kernels/cells/cells.h"

namespace sluice::cpu {

// Mean of v and 1 / sqrt(variance + epsilon).
template <class T>
struct Moments {
  T mean, inverse;
};
template <class T>
Moments<T> moments_of(int64_t n, const T* v);

// hat = (v - mean) * inverse; may be v. Returns `inverse`.
template <class T>
T normalise(int64_t n, const T* v, T* hat);

// to = gain * hat
template <class T>
void scale(int64_t n, const T* gain, const T* hat, T* to);

// d: gradient of gain * hat. hat becomes the gradient of what was normalised.
template <class T>
void normalise_backward(int64_t n, const T* gain, T inverse, const T* d, T* hat);

// dgain += d * hat
template <class T>
void add_gain_gradient(int64_t n, const T* d, const T* hat, T* dgain);

// ---- how h comes out of what it sees of c, in cells of two states; n units, slots [S,n]

template <class T>
void output(CellKind, int64_t n, const T* slots, const T* seen, T* h);

template <class T>
struct SeenBackward {
  int64_t n;
  const T *slots, *c_prev;
  Moments<T> moments;  // of the new c
  const T *gain, *bias;
  const T *dy, *dh;   // [n] whose sum is the gradient of h
  T *c_hat, *d_seen;  // [n] = c normalised; = gradient of gain * c_hat + bias
  T* d_output;        // [n] = gradient of the output gate's sum
};
template <class T>
void output_backward(CellKind, const SeenBackward<T>&);
// The output gate's slot = d_output, its dbias += d_output.
template <class T>
void set_output(CellKind, int64_t n, const T* d_output, T* slots, T* dbias);

}  // namespace sluice::cpu
