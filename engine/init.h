// First values of parameters.
#pragma once

#include "engine/params.h"

namespace sluice {

Init constant(double value);
Init uniform(double bound);     // in [-bound, bound)
Init normal(double deviation);  // mean 0
// Glorot and Bengio 2010: uniform in +- sqrt(6 / (fan_in + fan_out)).
Init glorot(int64_t fan_in, int64_t fan_out);
// [D,G*H,H]: each [H,H] block is a random orthogonal matrix (Saxe et al. 2014).
Init orthogonal_blocks();
// [D,G*H]: `value` for gate `gate` of `gates`, zero for the others; for all of them where `gate` is -1.
Init gate_bias(int gate, int gates, double value);

}  // namespace sluice
