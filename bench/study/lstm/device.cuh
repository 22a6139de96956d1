// What the versions have in common: checked launches, and device memory that lives as long as a pass.
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

}  // namespace sluice::study
