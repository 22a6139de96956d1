// What a batch needs on the device beside its arrays.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// mask[b,t] = t < lengths[b].
struct BuildMaskParams {
  View<const int32_t, 1> lengths;  // [B]
  View<uint8_t, 2> mask;           // [B,T] =
};
void launch(const BuildMaskParams&, cudaStream_t);

}  // namespace sluice::cuda
