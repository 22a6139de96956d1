// Rows of tables: gather, sums over the rows of each distinct id, scatter. An embedding's forward pass is a
// gather; its gradient is a segment sum (rows of one id in the order of their segment) and, for a dense
// gradient, a scatter. Each reads From and writes To: the same type, or one of the two f32 and the other
// stored in 16 bits (embedding.cu's last lines list the pairs).
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y[r] = table[ids[r]]; zero where the id is -1.
template <class From, class To>
struct GatherParams {
  View<const From, 2> table;   // [V,E]
  View<const int32_t, 1> ids;  // [R], each in [-1, V)
  View<To, 2> y;               // [R,E] =
};

// y[u] = sum over s in [segments[u], segments[u+1]) of x[segment_rows[s]], in that order.
template <class From, class To>
struct SegmentSumParams {
  View<const From, 2> x;                // [N,E]
  View<const int32_t, 1> segments;      // [U+1]
  View<const int32_t, 1> segment_rows;  // [*]
  View<To, 2> y;                        // [U,E] =
};

// y[slots[u]] += x[u]; slots are distinct; those of -1 are left out.
template <class From, class To>
struct ScatterAddParams {
  View<const From, 2> x;         // [U,E]
  View<const int32_t, 1> slots;  // [U]
  View<To, 2> y;                 // [M,E] +=
};

template <class From, class To>
void launch(const GatherParams<From, To>&, cudaStream_t);
template <class From, class To>
void launch(const SegmentSumParams<From, To>&, cudaStream_t);
template <class From, class To>
void launch(const ScatterAddParams<From, To>&, cudaStream_t);

}  // namespace sluice::cuda
