// What the recurrent layers of the oracle share: direction, regularisers, storage. Sources: recurrent dropout
// of Gal and Ghahramani 2016; zoneout of Krueger et al. 2017.
#pragma once

#include <cmath>
#include <cstdint>

#include "tests/oracle/matrix.h"
#include "tests/oracle/philox.h"
#include "tests/oracle/rounding.h"

namespace oracle {

struct Recurrent {
  bool reverse = false;
  bool training = false;
  double recurrent_dropout = 0, zoneout_hidden = 0, zoneout_cell = 0;
  uint64_t seed = 0;
  uint32_t step = 0;
  uint32_t site = 0;  // of this direction: +0 recurrent dropout, +1 zoneout of h, +2 zoneout of c
  // What a layer that stores in this format rounds, and nothing else: W x; the operand of the product with R;
  // what is kept of the gates for the way back, and their gradients; y. States stay exact. Inputs are of the
  // format already.
  Format storage = kExact;

  double stored(double value) const { return rounded(value, storage); }
};

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
