// Consecutive steps of the same sequences as one dense block, for libraries that know no ragged batches.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"

namespace sluice::cuda {

// Rows [steps, rows, width] anywhere: row b of step t at data + t * step + b * row.
template <class T>
struct StepRows {
  T* data = nullptr;
  int64_t step = 0, row = 0;  // in elements
};

// to = from, or += ; with `reverse`, step t of `to` takes step steps - 1 - t of `from`. Types may differ that
// are computed in the same one (kernels/core/vec.h).
template <class From, class To>
struct CopyStepsParams {
  int64_t steps = 1, rows = 0, width = 0;
  bool reverse = false, add = false;
  StepRows<const From> from;
  StepRows<To> to;
};

template <class From, class To>
void launch(const CopyStepsParams<From, To>&, cudaStream_t);

}  // namespace sluice::cuda
