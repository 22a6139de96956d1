// What a team's blocks handed over, from L2 to a tile in shared memory.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

class Gather {
 public:
  __device__ explicit Gather(const Layouts& layouts)
      : bytes_(layouts.gather_bytes), stride_(layouts.product.stride), copies_(layouts.gather_copies) {}

  // `rows` rows that lie `apart` elements from each other, to those of the tile `to`. All threads call it;
  // what they copy is all under way at once, and there when they return: of the block, after a barrier.
  template <class T>
  __device__ void rows(const T* from, int64_t apart, int rows, T* to) const {
    const int wide = bytes_ / static_cast<int>(sizeof(T));
    for (int i = static_cast<int>(threadIdx.x); i < rows * copies_.d; i += kPersistentThreads) {
      const int row = copies_.of(i), column = copies_.rest(i) * wide;
      T* at = to + row * stride_ + column;
      const T* value = from + row * apart + column;
      if (bytes_ == 16)
        __pipeline_memcpy_async(at, value, 16);
      else
        __pipeline_memcpy_async(at, value, 8);
    }
    __pipeline_commit();
    if (!SLUICE_MUTANT(gather_not_awaited)) __pipeline_wait_prior(0);
  }

 private:
  int bytes_, stride_;
  Divisor copies_;  // of a row
};

}  // namespace sluice::cuda
