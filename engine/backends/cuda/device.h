// Which GPU there is, and what it is.
#pragma once

#include <string>

#include "kernels/core/plan.h"

namespace sluice::cuda {

// Why no GPU can be used: no driver, an old one, no device. Empty when one can.
std::string no_device_because();
// Makes the calling thread use device `index`. Throws Failure.
DeviceProps open_device(int index);
// As 13.0.
std::string runtime_version();

}  // namespace sluice::cuda
