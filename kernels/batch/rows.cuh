// Walks over the rows of an [M,C] tensor, with the place (t, b) of each row in its batch.
//
// A block is bx column lanes by by row lanes (bx a power of two near C, bx * by = 256); each thread takes
// kRowsPerThread rows and, of each, every bx-th column. The step of its first row is found by binary search
// in `offsets`; the steps of the others by walking on from there, so that the search is paid once.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/batch/rows.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"

namespace sluice::cuda {

struct RowGrid {
  dim3 grid, block;
};

inline RowGrid row_grid(int64_t rows, int64_t lanes, int rows_per_thread = kRowsPerThread) {
  const Plan plan = row_plan(rows, lanes, rows_per_thread);
  return {as_dim3(plan.grid), as_dim3(plan.block)};
}

class RowWalk {
 public:
  __device__ RowWalk(const RowPlaces& places, int64_t row) : places_(places) {
    if (!places.offsets) return;
    int64_t low = 0, high = places.active.dims[0];  // offsets[low] <= row < offsets[high]
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      if (places.offsets(middle) <= row)
        low = middle;
      else
        high = middle;
    }
    t_ = low;
    seek(row);
  }

  // To a row at or after the present one.
  __device__ void seek(int64_t row) {
    b_ = row;
    if (!places_.offsets) return;
    while (places_.offsets(t_ + 1) <= row) ++t_;
    b_ = row - places_.offsets(t_);
  }

  __device__ int64_t t() const { return t_; }
  __device__ int64_t b() const { return b_; }
  __device__ bool valid() const {
    return !places_.offsets || b_ < places_.active(t_) + (SLUICE_MUTANT(padding_counted) ? 1 : 0);
  }

 private:
  const RowPlaces& places_;
  int64_t t_ = 0, b_ = 0;
};

// Calls f(row, walk) for this thread's rows of a row_grid(rows, ...).
template <class F>
__device__ void for_rows(const RowPlaces& places, int64_t rows, const F& f) {
  int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y * kRowsPerThread + threadIdx.y;
  if (row >= rows) return;
  RowWalk walk(places, row);
  for (int k = 0; k < kRowsPerThread && row < rows; ++k, row += blockDim.y) {
    walk.seek(row);
    f(row, walk);
  }
}

}  // namespace sluice::cuda
