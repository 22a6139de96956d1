// What the recurrent layers of the oracle share: direction, regularisers, layer normalisation, storage.
// Sources: recurrent dropout of Gal and Ghahramani 2016; zoneout of Krueger et al. 2017; layer normalisation
// of Ba, Kiros and Hinton 2016.
#pragma once

#include <cmath>
#include <cstdint>

#include "tests/oracle/layer_norm.h"
#include "tests/oracle/philox.h"
#include "tests/oracle/rounding.h"

namespace oracle {

// Gains, and the bias of the cell's, of layer normalisation in the cell; empty without it.
struct Norms {
  Vector input, recurrent;  // [G*H], of W x and of R h, each normalised as one vector
  Vector cell, cell_bias;   // [H], of c on its way into h
};

inline Norms zeros_like(const Norms& norms) {
  return {Vector(norms.input.size()), Vector(norms.recurrent.size()), Vector(norms.cell.size()),
          Vector(norms.cell_bias.size())};
}

struct Recurrent {
  bool reverse = false;
  bool training = false;
  double recurrent_dropout = 0, zoneout_hidden = 0, zoneout_cell = 0;
  uint64_t seed = 0;
  uint32_t step = 0;
  Norms norms;
  uint32_t site = 0;  // of this direction: +0 recurrent dropout, +1 zoneout of h, +2 zoneout of c
  // What a layer that stores in this format rounds, and nothing else: W x; the operand of the product with R;
  // what is kept of the gates for the way back, and their gradients; y. With layer normalisation: W x
  // normalised, the output gate; what is kept of R h normalised; the gradients of W x and R h. States stay
  // exact. Inputs are of the format already.
  Format storage = kExact;

  double stored(double value) const { return rounded(value, storage); }
};

inline Vector row_of(const Matrix& m, size_t i) {
  Vector row;
  for (size_t k = 0; k < m.cols; ++k) row.push_back(m(i, k));
  return row;
}

// M v
inline Vector product(const Matrix& m, const Vector& v) {
  Vector result(m.rows);
  for (size_t i = 0; i < m.rows; ++i)
    for (size_t k = 0; k < m.cols; ++k) result[i] += m(i, k) * v[k];
  return result;
}

// gain * normalised `a`, stored in between, or `a` itself without a gain; `normed` gets what the way back
// needs.
inline Vector norm_forward(const Vector& gain, const Vector& a, Normed& normed,
                           const Format& storage = kExact) {
  if (gain.empty()) return a;
  normed = normalise(a);
  normed.hat = rounded(normed.hat, storage);
  Vector result;
  for (size_t k = 0; k < a.size(); ++k) result.push_back(gain[k] * normed.hat[k]);
  return result;
}

// d(loss)/d(a) of d(loss)/d(result); adds to the gain's.
inline Vector norm_backward(const Vector& gain, const Normed& normed, const Vector& d_result,
                            Vector& d_gain) {
  if (gain.empty()) return d_result;
  Vector d_hat;
  for (size_t k = 0; k < gain.size(); ++k) {
    d_gain[k] += d_result[k] * normed.hat[k];
    d_hat.push_back(d_result[k] * gain[k]);
  }
  return normalise_backward(normed, d_hat);
}

// What the sums before activation take of an input: W x, or with layer normalisation gain * hat(W x).
inline Vector input_forward(const Recurrent& layer, const Matrix& W, const Vector& x, Normed& normed) {
  return norm_forward(layer.norms.input, rounded(product(W, x), layer.storage), normed, layer.storage);
}

// d(loss)/dx [M,E] of inputs x [M,E], given the gradients d [M,G*H] of what input_forward made of them, or,
// of an input that several steps read, their sum; adds to W's gradient and to the gain's.
inline Matrix input_backward(const Recurrent& layer, const Matrix& W, const Matrix& x, const Matrix& d,
                             Matrix& dW, Vector& d_gain) {
  Matrix dx(x.rows, x.cols);
  for (size_t m = 0; m < x.rows; ++m) {
    Normed normed;
    input_forward(layer, W, row_of(x, m), normed);
    const Vector d_product =
        rounded(norm_backward(layer.norms.input, normed, row_of(d, m), d_gain), layer.storage);
    for (size_t q = 0; q < W.rows; ++q)
      for (size_t e = 0; e < x.cols; ++e) {
        dW(q, e) += d_product[q] * x(m, e);
        dx(m, e) += d_product[q] * W(q, e);
      }
  }
  return dx;
}

inline double logistic(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// The share of the previous value that zoneout keeps: 0 or 1 in training, its expectation p otherwise.
inline double kept_share(const Recurrent& layer, double p, uint32_t site, size_t token, size_t row,
                         size_t unit) {
  if (!layer.training) return p;
  return dropped({layer.seed, layer.step, site, static_cast<uint32_t>(token), static_cast<uint32_t>(row),
                  static_cast<uint32_t>(unit)},
                 p)
             ? 1.0
             : 0.0;
}

// Variational: the mask does not depend on t.
inline double dropout_scale(const Recurrent& layer, size_t row, size_t unit) {
  const double p = layer.recurrent_dropout;
  if (!layer.training || p == 0) return 1.0;
  const bool drop = dropped(
      {layer.seed, layer.step, layer.site, 0, static_cast<uint32_t>(row), static_cast<uint32_t>(unit)}, p);
  return drop ? 0.0 : 1.0 / (1.0 - p);
}

}  // namespace oracle
