// Rows of tables: gather, sums over the rows of each distinct id, scatter. An embedding's forward pass is a
// gather; its gradient is a segment sum (rows of one id in the order of their segment) and, for a dense
// gradient, a scatter.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y[r] = table[ids[r]]; zero where the id is -1.
template <class T>
struct GatherParams {
  View<const T, 2> table;      // [V,E]
  View<const int32_t, 1> ids;  // [R], each in [-1, V)
  View<T, 2> y;                // [R,E] =
};

// y[u] = sum over s in [segments[u], segments[u+1]) of x[segment_rows[s]], in that order.
template <class T>
struct SegmentSumParams {
  View<const T, 2> x;                   // [N,E]
  View<const int32_t, 1> segments;      // [U+1]
  View<const int32_t, 1> segment_rows;  // [*]
  View<T, 2> y;                         // [U,E] =
};

// y[slots[u]] += x[u]; slots are distinct; those of -1 are left out.
template <class T>
struct ScatterAddParams {
  View<const T, 2> x;            // [U,E]
  View<const int32_t, 1> slots;  // [U]
  View<T, 2> y;                  // [M,E] +=
};

template <class T>
void launch(const GatherParams<T>&, cudaStream_t);
template <class T>
void launch(const SegmentSumParams<T>&, cudaStream_t);
template <class T>
void launch(const ScatterAddParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
