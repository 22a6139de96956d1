// The bias of a linear layer: rows that the product is then added to.
#pragma once

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y[m] = b for every row m.
template <class T>
struct FillRowsParams {
  View<const T, 1> b;  // [K]
  View<T, 2> y;        // [M,K] =
};
template <class T>
void launch(const FillRowsParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
