// Libraries of NVIDIA's that are loaded when first needed: a program that needs none starts without them.
#pragma once

#include <dlfcn.h>

#include <string>

#include "engine/error.h"

namespace sluice::cuda {

// Loads `file`, as libcublas.so.13, for good: where the system's loader finds it, or from the toolkit's
// folder. Null where there is none, and `because` says why.
void* load_library(const std::string& file, std::string& because);

// Its function; Failure where this `what`, as cuBLAS, has none.
template <class Function>
void find(void* library, const char* what, int version, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function) throw Failure("this {} has no {}: install CUDA {}'s", what, name, version);
}

}  // namespace sluice::cuda
