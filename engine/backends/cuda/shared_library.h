// Libraries of NVIDIA's that are loaded when first needed: a program that needs none starts without them.
#pragma once

#include <string>

namespace sluice::cuda {

// Loads `file`, as libcublas.so.13, for good: where the system's loader finds it, or from the toolkit's
// folder. Null where there is none, and `because` says why.
void* load_library(const std::string& file, std::string& because);

}  // namespace sluice::cuda
