// The gradient's norm, clipping by norm and by value.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// Elements that one block of sum_squares adds up.
inline constexpr int64_t kSumSquaresChunk = 16384;

constexpr int64_t sum_squares_partials(int64_t elements) {
  return (elements + kSumSquaresChunk - 1) / kSumSquaresChunk;
}

// out[0] += sum of x^2, in f64. The same bits for any grid and alignment.
template <class T>
struct SumSquaresParams {
  View<const T, 1> x;        // [n]
  View<double, 1> partials;  // [sum_squares_partials(n)] workspace
  View<double, 1> out;       // [1] +=
};

// scale[0] = min(1, max_norm / norm) / loss_scale, norm = sqrt(sum_squares[0]) / loss_scale; without the
// minimum when max_norm is 0; NaN when the sum is not finite.
struct ClipScaleParams {
  View<const double, 1> sum_squares;  // [1]
  double max_norm = 0;
  View<const double, 1> loss_scale;  // [1] or null (1)
  View<double, 1> scale;             // [1] =
};

// x = clamp(x, -limit * loss_scale, limit * loss_scale); NaN stays NaN, what is infinite stays where
// loss_scale > 1.
template <class T>
struct ClipValueParams {
  View<T, 1> x;  // [n] in place
  double limit = 0;
  View<const double, 1> loss_scale;  // [1] or null (1)
};

template <class T>
void launch(const SumSquaresParams<T>&, cudaStream_t);
void launch(const ClipScaleParams&, cudaStream_t);
template <class T>
void launch(const ClipValueParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
