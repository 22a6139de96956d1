#include "engine/backend.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/make_cuda.h"

namespace sluice {

std::unique_ptr<Backend> make_backend(const BackendOptions& options) {
  const bool wanted = options.device == Device::cuda;
  if (wanted || (options.device == Device::automatic && cuda_present())) return make_cuda_backend(options);
  return std::make_unique<cpu::CpuBackend>(options.threads);
}

}  // namespace sluice
