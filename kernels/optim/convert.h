// The working copy of parameters that are stored in 16 bits and updated in f32.
#pragma once

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// to[i] = from[i], rounded to nearest, ties to even. To: bf16 or f16.
template <class To>
struct ConvertParams {
  View<const float, 1> from;  // [n]
  View<To, 1> to;             // [n] =
};
template <class To>
void launch(const ConvertParams<To>&, cudaStream_t);

}  // namespace sluice::cuda
