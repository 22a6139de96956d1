// One way to launch a kernel: attributes, the launch, the check of its error; once for all kernels.
#pragma once

#include <cuda_runtime.h>

#include "kernels/core/cuda_error.h"
#include "kernels/core/plan.h"

namespace sluice {

inline void check_cuda(const char* call, cudaError_t code) {
  if (code != cudaSuccess)
    throw CudaError(call, static_cast<int>(code), cudaGetErrorName(code), cudaGetErrorString(code));
}

// What a kernel may use of dynamic shared memory without asking.
constexpr size_t kSharedWithoutOptIn = 48 << 10;

// Launches kernel(args...) as planned. `name` heads the error's message.
template <class... Params, class... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), const Plan& plan, cudaStream_t stream,
                   const Args&... args) {
  if (plan.shared > kSharedWithoutOptIn)
    check_cuda(name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                          static_cast<int>(plan.shared)));
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(plan.grid.x, plan.grid.y, plan.grid.z);
  config.blockDim = dim3(plan.block);
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
  check_cuda(name, cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...));
}

// For kernels that need no more than a grid and a block.
template <class... Params, class... Args>
void launch_kernel(const char* name, void (*kernel)(Params...), Grid grid, unsigned block,
                   cudaStream_t stream, const Args&... args) {
  launch_kernel(name, kernel, Plan{.grid = grid, .block = block}, stream, args...);
}

}  // namespace sluice
