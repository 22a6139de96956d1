// Where the rows of a ragged batch stand: row(t, b) = offsets[t] + b, and the sequences of step t that are no
// padding are the prefix [0, active[t]). Shared by every family whose kernels must know a row's place.
#pragma once

#include <cstdint>

#include "kernels/core/view.h"

namespace sluice::cuda {

// Null views: there is no batch; each row is valid, a sequence of its own, at t = 0.
struct RowPlaces {
  View<const int32_t, 1> offsets;  // [T+1]
  View<const int32_t, 1> active;   // [T]
};

}  // namespace sluice::cuda
