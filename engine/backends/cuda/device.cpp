#include "engine/backends/cuda/device.h"

#include <cuda_runtime.h>

#include "engine/backends/make_cuda.h"
#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice {
namespace {

const char* what_to_do(int code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return "the GPU's memory is full; make batch.tokens or the model smaller, or end what else uses the "
             "GPU";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
      return "this build has no code for this GPU or driver; build with CMAKE_CUDA_ARCHITECTURES=native";
    case cudaErrorDevicesUnavailable:
      return "another program holds this GPU alone; wait for it, or take another, as --device cuda:1";
    case cudaErrorLaunchTimeout:
      return "the system stopped a kernel that ran too long, as it does where a display hangs on the GPU; "
             "take "
             "another";
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorExternalDevice:
    case cudaErrorContained:
      return "the GPU itself is faulty; nvidia-smi -q says more";
    case cudaErrorLaunchFailure:
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
      return "the GPU stopped at an error in a kernel, then or before; compute-sanitizer names the kernel";
    default:
      return nullptr;
  }
}

}  // namespace

std::string explain(const CudaError& error) {
  const char* advice = what_to_do(error.code());
  return advice ? fmt::format("{}: {}", error.what(), advice) : error.what();
}

}  // namespace sluice

namespace sluice::cuda {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

DeviceProps properties_of(int index) {
  cudaDeviceProp found = {};
  check_cuda("cudaGetDeviceProperties", cudaGetDeviceProperties(&found, index));
  return {.name = found.name,
          .major = found.major,
          .minor = found.minor,
          .multiprocessors = found.multiProcessorCount,
          .shared_per_block = found.sharedMemPerBlockOptin,
          .memory = found.totalGlobalMem};
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
  if (error == cudaErrorSystemDriverMismatch)
    return "the NVIDIA driver was updated under the running system: restart the machine";
  if (error != cudaSuccess)
    return fmt::format("cudaGetDeviceCount: {} ({})", cudaGetErrorName(error), cudaGetErrorString(error));
  return {};
}

std::string no_such_device_because(int index) {
  int devices = 0;
  check_cuda("cudaGetDeviceCount", cudaGetDeviceCount(&devices));
  if (index < devices) {
    const PlanResult smallest = fitted({}, properties_of(index));
    const auto* refusal = std::get_if<Refusal>(&smallest);
    return refusal ? refusal->reason : "";
  }
  std::string names;
  for (int i = 0; i < devices; ++i) names += fmt::format("{}{} {}", i ? ", " : "", i, properties_of(i).name);
  return fmt::format("this machine has {} GPU{}: {}", devices, devices == 1 ? "" : "s", names);
}

DeviceProps open_device(int index) {
  check_cuda("cudaSetDevice", cudaSetDevice(index));
  return properties_of(index);
}

std::string runtime_version() {
  int version = 0;
  check_cuda("cudaRuntimeGetVersion", cudaRuntimeGetVersion(&version));
  return version_text(version);
}

}  // namespace sluice::cuda
