// Values of synthetic tensors.
#pragma once

#include "engine/backend.h"

namespace sluice::bench {

// Finite values that vary, within [-scale, scale]. Throws UserError for a type that holds no reals.
void fill(Backend& backend, const Tensor& tensor, double scale);

}  // namespace sluice::bench
