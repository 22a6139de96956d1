// What the versions have in common: checked launches, device memory that lives as long as a pass,
// multiply-adds.
#pragma once

#include <memory>

#include "bench/study/lstm/study.h"
#include "kernels/cells/lstm.h"
#include "kernels/core/launch.cuh"

namespace sluice::study {

template <class T>
std::shared_ptr<T> device_array(size_t count) {
  T* data = nullptr;
  check_cuda("cudaMalloc", cudaMalloc(&data, count * sizeof(T)));
  return {data, [](T* p) { cudaFree(p); }};
}

// Of the current device.
inline int multiprocessors() {
  int device = 0, count = 0;
  check_cuda("cudaGetDevice", cudaGetDevice(&device));
  check_cuda("cudaDeviceGetAttribute",
             cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device));
  return count;
}

// sum += h * weights, of the four gates of a unit.
__device__ inline void add(float4& sum, float h, const float4& weights) {
  sum.x = fmaf(h, weights.x, sum.x);
  sum.y = fmaf(h, weights.y, sum.y);
  sum.z = fmaf(h, weights.z, sum.z);
  sum.w = fmaf(h, weights.w, sum.w);
}

}  // namespace sluice::study
