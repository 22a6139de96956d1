#include "engine/backend.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/make_cuda.h"

namespace sluice {

std::unique_ptr<Backend> make_backend(const BackendOptions& options, std::string* why_not_cuda) {
  if (options.device == Device::cuda) return make_cuda_backend(options);
  if (options.device == Device::automatic) {
    const std::string reason = no_cuda_because(options.index);
    if (reason.empty()) return make_cuda_backend(options);
    if (why_not_cuda) *why_not_cuda = reason;
  }
  return std::make_unique<cpu::CpuBackend>(options.threads);
}

}  // namespace sluice
