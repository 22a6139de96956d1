#include "engine/backends/make_cuda.h"

namespace sluice {

std::string no_cuda_because(int) {
  return "this build has no CUDA";
}

std::unique_ptr<Backend> make_cuda_backend(const BackendOptions& options) {
  throw UserError("--device cuda:{}: {}; use --device cpu", options.index, no_cuda_because(options.index));
}

std::string explain(const CudaError& error) {
  return error.what();
}

}  // namespace sluice
