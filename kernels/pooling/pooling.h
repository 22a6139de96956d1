// Pooling of each sequence over its valid rows: mean, sqrtn (the sum divided by the root of the length), max
// (ties: the earliest step; NaN wins), last (of each direction the state after its last step: the forward
// half of the last row, the reverse half of the first). An empty sequence gives zeros.
#pragma once

#include <cstdint>

#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

enum class PoolKind : uint8_t { last, mean, max, sqrtn };

template <class T>
struct PoolForwardParams {
  PoolKind kind = PoolKind::mean;
  int directions = 1;              // halves of C, for `last`
  View<const int32_t, 1> offsets;  // [T+1]
  View<const int32_t, 1> lengths;  // [B]
  View<const T, 2> x;              // [N,C]
  View<T, 2> y;                    // [B,ldy] =  columns [column, column + C)
  int64_t column = 0;
  View<int32_t, 2> argmax;  // [B,C] = row of the maximum, -1 for an empty sequence; for max only
};

template <class T>
struct PoolBackwardParams {
  PoolKind kind = PoolKind::mean;
  int directions = 1;
  View<const int32_t, 1> offsets;  // [T+1]
  View<const int32_t, 1> lengths;  // [B]
  View<const int32_t, 1> active;   // [T]
  View<const int32_t, 2> argmax;   // [B,C], for max only
  View<const T, 2> dy;             // [B,ldy]
  int64_t column = 0;              // dy's columns [column, column + C)
  View<T, 2> dx;                   // [N,C] +=
};

// All that a plan depends on.
struct PoolShape {
  PoolKind kind = PoolKind::mean;
  int64_t sequences = 0, rows = 0, columns = 0;
  int width = 1;  // elements that a thread may take at once
};
PlanResult plan_pool_forward(const PoolShape&, const DeviceProps&);
PlanResult plan_pool_backward(const PoolShape&, const DeviceProps&);

template <class T>
PlanResult plan(const PoolForwardParams<T>& p, const DeviceProps& device) {
  return plan_pool_forward({p.kind, p.y.dims[0], p.x.dims[0], p.x.dims[1]}, device);
}
template <class T>
PlanResult plan(const PoolBackwardParams<T>& p, const DeviceProps& device) {
  const bool aligned =
      aligned_to_vec(p.dx.data, p.dy.data + p.column) && vector_width(sizeof(T), p.dy.dims[1], true) > 1;
  return plan_pool_backward(
      {p.kind, p.dy.dims[0], p.dx.dims[0], p.dx.dims[1], vector_width(sizeof(T), p.dx.dims[1], aligned)},
      device);
}

template <class T>
void launch(const PoolForwardParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch(const PoolBackwardParams<T>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
