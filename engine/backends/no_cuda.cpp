#include "engine/backends/make_cuda.h"

namespace sluice {

bool cuda_present() {
  return false;
}

std::unique_ptr<Backend> make_cuda_backend(const BackendOptions&) {
  throw UserError("--device cuda: this build has no CUDA; use --device cpu");
}

}  // namespace sluice
