// Elementwise work on flat arrays of n elements: thread i takes the W elements from i * W on, by one 128-bit
// access to each array where all of them are aligned, element by element in the last piece and elsewhere.
#pragma once

#include <cstdint>

#include "kernels/core/vec.h"

namespace sluice::cuda {

constexpr int kFlatThreads = 256;

template <class T>
unsigned flat_blocks(int64_t n) {
  constexpr int64_t kPerBlock = int64_t{kFlatThreads} * kVecWidth<T>;
  return static_cast<unsigned>((n + kPerBlock - 1) / kPerBlock);
}

// The piece of this thread.
template <class T>
__device__ int64_t flat_begin() {
  return (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kVecWidth<T>;
}

// Elements [begin, begin + W) of p; those at or past n are zero.
template <class T>
__device__ Vec<arithmetic_t<T>, kVecWidth<T>> load_piece(const T* p, int64_t begin, int64_t n, bool aligned) {
  constexpr int W = kVecWidth<T>;
  if (aligned && begin + W <= n) return load<W>(p + begin);
  Vec<arithmetic_t<T>, W> piece = {};
#pragma unroll
  for (int i = 0; i < W; ++i)
    if (begin + i < n) piece.at[i] = static_cast<arithmetic_t<T>>(p[begin + i]);
  return piece;
}

template <class T>
__device__ void store_piece(T* p, int64_t begin, int64_t n, bool aligned,
                            const Vec<arithmetic_t<T>, kVecWidth<T>>& piece) {
  constexpr int W = kVecWidth<T>;
  if (aligned && begin + W <= n) return store<W>(p + begin, piece);
#pragma unroll
  for (int i = 0; i < W; ++i)
    if (begin + i < n) p[begin + i] = static_cast<T>(piece.at[i]);
}

}  // namespace sluice::cuda
