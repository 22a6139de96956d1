// Which GPUs there are, and what they are.
#pragma once

#include <string>

#include "kernels/core/plan.h"

namespace sluice::cuda {

// Why no GPU can be used: no driver, an old one, no device. Empty when one can.
std::string no_device_because();
// Why device `index` cannot: there is none, or it is older than the kernels. Empty when it can. Throws
// CudaError.
std::string no_such_device_because(int index);
// Makes the calling thread use device `index`. Throws CudaError.
DeviceProps open_device(int index);
// As 13.0.
std::string runtime_version();

}  // namespace sluice::cuda
