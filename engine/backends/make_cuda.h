// The CUDA backend's door. no_cuda.cpp stands behind it in a build without CUDA.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"
#include "kernels/core/cuda_error.h"

namespace sluice {

// Why GPU `index` cannot be used: no driver, an old one, no such GPU, no cuBLAS, a build without CUDA. Empty
// when it can.
std::string no_cuda_because(int index);
inline bool cuda_present() {
  return no_cuda_because(0).empty();
}
// Throws UserError when that GPU cannot be used.
std::unique_ptr<Backend> make_cuda_backend(const BackendOptions&);

// One line: the call that failed, CUDA's words, and what to do where that is known.
std::string explain(const CudaError&);

}  // namespace sluice
