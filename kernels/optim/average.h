// A running mean of parameters.
#pragma once

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// average += share * (x - average).
template <class T>
struct AverageParams {
  View<const T, 1> x;  // [n]
  View<T, 1> average;  // [n] in and out
  double share = 0;
};

template <class T>
void launch(const AverageParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
