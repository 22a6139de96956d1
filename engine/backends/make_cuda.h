// The CUDA backend's door. no_cuda.cpp stands behind it in a build without CUDA.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace sluice {

bool cuda_present();  // built in, and a GPU is there
// Throws UserError when it is not present.
std::unique_ptr<Backend> make_cuda_backend(const BackendOptions&);

}  // namespace sluice
