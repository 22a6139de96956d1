// Dropout whose masks are functions of their place: Note [Random masks] in core/philox.h.
#pragma once

#include "kernels/batch/rows.h"
#include "kernels/core/philox.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y = x * keep / (1 - p); padding rows are written as zero. Row r draws from (b, t) of its place, or (r, 0)
// without a batch. The same launch goes forward and backward.
template <class T>
struct DropoutParams {
  RowPlaces places;
  double p = 0;  // [0, 1)
  MaskStream masks;
  View<const T, 2> x;  // [M,C]
  View<T, 2> y;        // [M,C] =  may be x
};
template <class T>
void launch(const DropoutParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
