// Sums and maxima over a warp and over a block, in an order fixed by the block's size alone: the same bits in
// every run.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/macros.h"
#include "kernels/core/mutant.h"

namespace sluice {

constexpr unsigned kWarp = 32, kWholeWarp = 0xffffffffu;

struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

// NaN wins, so that it is not lost on the way.
struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a != a ? a : (b != b || b > a) ? b : a;
  }
};

// Every lane of the (whole) warp gets the result.
template <class T, class Op>
__device__ T warp_reduce(T value, Op op) {
  for (unsigned distance = kWarp / 2; distance > 0; distance /= 2)
    value = op(value, __shfl_xor_sync(kWholeWarp, value, distance));
  return value;
}

// Every thread of the block gets the result. All of its threads must call; Threads, a multiple of 32 up to
// 1024, is the block's size. Safe to call again at once: the second barrier stands between the last read of
// `partial` and the next call's first write.
template <unsigned Threads, class T, class Op>
__device__ T block_reduce(T value, Op op) {
  static_assert(Threads % kWarp == 0 && Threads <= 1024);
  constexpr unsigned kWarps = Threads / kWarp;
  __shared__ T partial[kWarps];
  value = warp_reduce(value, op);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = value;
  if (!SLUICE_MUTANT(block_without_barrier)) __syncthreads();
  T result = partial[0];
  for (unsigned w = 1; w < kWarps; ++w) result = op(result, partial[w]);
  __syncthreads();
  return result;
}

template <class T>
__device__ T warp_sum(T value) {
  return warp_reduce(value, Sum{});
}
template <class T>
__device__ T warp_max(T value) {
  return warp_reduce(value, Max{});
}
template <unsigned Threads, class T>
__device__ T block_sum(T value) {
  return block_reduce<Threads>(value, Sum{});
}
template <unsigned Threads, class T>
__device__ T block_max(T value) {
  return block_reduce<Threads>(value, Max{});
}

}  // namespace sluice
