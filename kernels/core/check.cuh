// The check of every CUDA runtime call.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/cuda_error.h"

namespace sluice {

inline void check_cuda(const char* call, cudaError_t code) {
  if (code != cudaSuccess)
    throw CudaError(call, static_cast<int>(code), cudaGetErrorName(code), cudaGetErrorString(code));
}

}  // namespace sluice
