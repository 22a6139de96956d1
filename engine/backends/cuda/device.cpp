#include "engine/backends/cuda/device.h"

#include <cuda_runtime.h>

#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

std::string no_device_because() {
  int driver = 0, devices = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
  const cudaError_t error = cudaGetDeviceCount(&devices);
  static_cast<void>(cudaGetLastError());  // a failed question must not fail the next launch
  if (error == cudaErrorInsufficientDriver)
    return fmt::format("the NVIDIA driver is for CUDA {}, older than this build's CUDA {}: update it",
                       version_text(driver), version_text(CUDART_VERSION));
  if (error == cudaErrorNoDevice || (error == cudaSuccess && devices == 0)) return "no NVIDIA GPU is visible";
  if (error != cudaSuccess) return fmt::format("cudaGetDeviceCount: {}", cudaGetErrorString(error));
  return {};
}

DeviceProps open_device(int index) {
  check_cuda("cudaSetDevice", cudaSetDevice(index));
  cudaDeviceProp found = {};
  check_cuda("cudaGetDeviceProperties", cudaGetDeviceProperties(&found, index));
  return {.name = found.name,
          .major = found.major,
          .minor = found.minor,
          .multiprocessors = found.multiProcessorCount,
          .shared_per_block = found.sharedMemPerBlockOptin,
          .memory = found.totalGlobalMem};
}

std::string runtime_version() {
  int version = 0;
  check_cuda("cudaRuntimeGetVersion", cudaRuntimeGetVersion(&version));
  return version_text(version);
}

}  // namespace sluice::cuda
