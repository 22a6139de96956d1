// One way to launch a kernel: attributes, a range for profilers, the launch, the check of its error; once for
// all kernels.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/check.cuh"
#include "kernels/core/nvtx.h"
#include "kernels/core/plan.h"

namespace sluice {

// What a kernel may use of dynamic shared memory without asking.
constexpr size_t kSharedWithoutOptIn = 48 << 10;

// Launches kernel(args...). `name` heads the error's message and is the range's.
template <class... Params, class... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), const cudaLaunchConfig_t& config,
                   const Args&... args) {
  const Range range(name);
  if (config.dynamicSmemBytes > kSharedWithoutOptIn)
    check_cuda(name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                          static_cast<int>(config.dynamicSmemBytes)));
  check_cuda(name, cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...));
}

inline dim3 as_dim3(const Grid& grid) {
  return dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
}

template <class... Params, class... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), const Plan& plan, cudaStream_t stream,
                   const Args&... args) {
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config = {};
  config.gridDim = as_dim3(plan.grid);
  config.blockDim = as_dim3(plan.block);
  config.dynamicSmemBytes = plan.shared;
  config.stream = stream;
  config.attrs = attributes;
  if (plan.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  }
  if (plan.cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {plan.cluster, 1, 1};
  }
  launch_kernel(name, kernel, config, args...);
}

// For kernels that need no plan.
template <class... Params, class... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared,
                   cudaStream_t stream, const Args&... args) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  launch_kernel(name, kernel, config, args...);
}

}  // namespace sluice
