// What a team's blocks handed over, from L2 to a tile in shared memory.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

// `rows` rows that lie `apart` elements from each other, to those of the tile `to`. All threads call it; what
// they copy is all under way at once, and there when they return: of the block, after a barrier.
template <class T>
__device__ void gather_rows(const Layouts& layouts, const T* from, int64_t apart, int rows, T* to) {
  const Divisor copies = layouts.gather_copies;
  const int wide = layouts.gather_bytes / static_cast<int>(sizeof(T));
  for (int i = static_cast<int>(threadIdx.x); i < rows * copies.d; i += kPersistentThreads) {
    const int row = copies.of(i), column = (i - row * copies.d) * wide;
    T* at = to + row * layouts.product.stride + column;
    const T* value = from + row * apart + column;
    if (layouts.gather_bytes == 16)
      __pipeline_memcpy_async(at, value, 16);
    else
      __pipeline_memcpy_async(at, value, 8);
  }
  __pipeline_commit();
  __pipeline_wait_prior(0);
}

}  // namespace sluice::cuda
