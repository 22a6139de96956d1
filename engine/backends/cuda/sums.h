// Sums over rows.
#pragma once

#include "engine/backends/cuda/queue.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// to[c] += sum over rows r of x[r,c], or of x[r,c] * factor[r,c], in a fixed order. x may be wider than `to`.
template <class T>
void add_column_sums(Queue&, View<const T, 2> x, View<arithmetic_t<T>, 1> to, View<const T, 2> factor = {});

}  // namespace sluice::cuda
