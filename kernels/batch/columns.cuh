// Sums down the columns of an [M,C] tensor, in two stages of one shape: a block is 32 columns by 8 slices;
// slice s takes the rows s, s + 8, ... of its chunk (first stage) or the chunks s, s + 8, ... (second), and
// slice 0 joins the slices in order. A warp reads 32 neighbours of a row: whole lines of 128 bytes in f32.
#pragma once

#include <cstdint>

#include "kernels/batch/columns.h"
#include "kernels/batch/rows.cuh"
#include "kernels/core/mutant.h"

namespace sluice::cuda {

__device__ inline int64_t column_of_thread() {
  return static_cast<int64_t>(blockIdx.x) * kColumns + threadIdx.x;
}

// Calls f(row) for the valid rows of this thread's slice of chunk blockIdx.y of `rows` rows.
template <class F>
__device__ void for_rows_of_slice(const RowPlaces& places, int64_t rows, const F& f) {
  const int64_t chunk = column_chunk_rows(rows), begin = static_cast<int64_t>(blockIdx.y) * chunk;
  const int64_t end = begin + chunk < rows ? begin + chunk : rows;
  int64_t row = begin + threadIdx.y;
  if (row >= end) return;
  if (!places.offsets) {
#pragma unroll 4
    for (; row < end; row += kSlices) f(row);
    return;
  }
  RowWalk walk(places, row);
  for (; row < end; row += kSlices) {
    walk.seek(row);
    if (walk.valid()) f(row);
  }
}

// Slice 0's threads get all slices of their column, joined in order by a.join(b). Every thread of the block
// must call, once in a kernel: the one barrier stands between the writes and the reads.
template <class A>
__device__ A join_slices(A mine) {
  __shared__ A slices[kSlices][kColumns];
  slices[threadIdx.y][threadIdx.x] = mine;
  if (!SLUICE_MUTANT(columns_without_barrier)) __syncthreads();
  if (threadIdx.y == 0)
    for (int slice = 1; slice < kSlices; ++slice) mine.join(slices[slice][threadIdx.x]);
  return mine;
}

}  // namespace sluice::cuda
