// The limits of GPUs that plans are asked about where none is present.
#pragma once

#include <vector>

#include "kernels/core/plan.h"

namespace sluice {

const std::vector<DeviceProps>& known_gpus();

}  // namespace sluice
