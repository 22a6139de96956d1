// Mean, sqrtn, max and last pooling, forward and backward.
//
// Maths:   mean y = sum_t x_t / len, sqrtn the same over sqrt(len); max y = x_argmax; last: Pooling's words
//          in pooling.h. Backward adds dy over the same to every valid row, dy to the argmax, dy to the row
//          taken.
// Shapes:  x, dx [N,C]; y, dy [B,ldy], C columns from `column` on; argmax [B,C].
// Grid:    sums and max forward: a block a sequence and 32 columns; its 8 slices take every 8th step and are
//          joined in order, so that long sequences have many loads in flight. Sums' backward: row_grid over
//          (row, column). The others: row_grid over (sequence, column).
// Bytes:   forward N C s + B C s (+ 4 B C), s the size of T; mean backward 2 N C s + B C s; last and max read
//          and write B C elements. Each is reached.
// Bound:   memory.
// Sync:    slices meet in shared memory after one barrier and slice 0 alone reads them. Each element of y and
//          dx has one writer: the order of additions is fixed by the lengths alone.
#include "kernels/batch/columns.h"
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"
#include "kernels/pooling/pooling.h"

namespace sluice::cuda {
namespace {

// What the sum over a sequence's rows is divided by. kRoot: sqrtn, else mean.
template <class A, bool kRoot>
__device__ A divisor(int32_t length) {
  if constexpr (kRoot)
    return sqrt(static_cast<A>(length));
  else
    return static_cast<A>(length);
}

template <class A, bool kRoot>
struct Sum {
  A value;

  static __device__ Sum none() { return {0}; }

  __device__ void take(A x, int32_t) { value += x; }
  __device__ void join(const Sum& later) { value += later.value; }
};

template <class A>
struct Max {
  A value;
  int32_t row;  // -1: none yet

  static __device__ Max none() { return {0, -1}; }

  // Rows of a sequence ascend with its steps, so that the earliest step is the least row.
  __device__ void take(A x, int32_t at) {
    const bool nan = x != x, mine_nan = value != value;
    const bool more = nan ? !mine_nan || at < row : !mine_nan && (x > value || (x == value && at < row));
    if (row >= 0 && !more) return;
    value = x;
    row = at;
  }
  __device__ void join(const Max& other) {
    if (other.row >= 0) take(other.value, other.row);
  }
};

template <class T, class A, bool kRoot>
__device__ void finish(const PoolForwardParams<T>& p, const Sum<A, kRoot>& sum, int64_t b, int64_t j) {
  const int32_t length = p.lengths(b);
  p.y(b, p.column + j) = static_cast<T>(length ? sum.value / divisor<A, kRoot>(length) : A(0));
}
template <class T>
__device__ void finish(const PoolForwardParams<T>& p, const Max<arithmetic_t<T>>& max, int64_t b, int64_t j) {
  p.y(b, p.column + j) = static_cast<T>(max.value);
  p.argmax(b, j) = max.row;
}

template <class T, class Pooled>
__global__ void __launch_bounds__(kColumns* kSlices) pool_steps(PoolForwardParams<T> p) {
  __shared__ Pooled slices[kSlices][kColumns];
  const int64_t b = blockIdx.x, columns = p.x.dims[1];
  const int64_t j = static_cast<int64_t>(blockIdx.y) * kColumns + threadIdx.x;
  Pooled pooled = Pooled::none();
  if (j < columns) {
    const int32_t length = p.lengths(b);
#pragma unroll 4
    for (int32_t t = static_cast<int32_t>(threadIdx.y); t < length; t += kSlices) {
      const int64_t row = p.offsets(t) + b;
      pooled.take(static_cast<arithmetic_t<T>>(p.x(row, j)), static_cast<int32_t>(row));
    }
  }
  slices[threadIdx.y][threadIdx.x] = pooled;
  __syncthreads();
  if (threadIdx.y != 0 || j >= columns) return;
  for (int slice = 1; slice < kSlices; ++slice) pooled.join(slices[slice][threadIdx.x]);
  finish(p, pooled, b, j);
}

// The row that `last` takes of sequence b, which is not empty, at column j.
template <class P>
__device__ int64_t last_row(const P& p, int64_t b, int64_t j, int64_t columns) {
  const bool reverse = j >= columns / p.directions;
  return p.offsets(reverse ? 0 : p.lengths(b) - 1) + b;
}

template <class T>
__global__ void __launch_bounds__(kRowThreads) pool_last(PoolForwardParams<T> p) {
  const int64_t columns = p.x.dims[1];
  for_rows({}, p.y.dims[0], [&](int64_t b, const RowWalk&) {
    const bool empty = p.lengths(b) == 0;
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x)
      p.y(b, p.column + j) = empty ? T() : p.x(last_row(p, b, j, columns), j);
  });
}

template <class T, int W, bool kRoot>
__global__ void __launch_bounds__(kRowThreads) sum_backward(PoolBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int64_t columns = p.dx.dims[1];
  const RowPlaces places = {p.offsets, p.active};
  for_rows(places, p.dx.dims[0], [&](int64_t row, const RowWalk& walk) {
    if (!walk.valid()) return;
    const A length = divisor<A, kRoot>(p.lengths(walk.b()));
    const T* dy = p.dy.row(walk.b()) + p.column;
    for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W) {
      auto sum = load<W>(p.dx.row(row) + j);
      const auto share = load<W>(dy + j);
#pragma unroll
      for (int i = 0; i < W; ++i) sum.at[i] += share.at[i] / length;
      store<W>(p.dx.row(row) + j, sum);
    }
  });
}

// Max and last: one element of dx a column.
template <class T>
__global__ void __launch_bounds__(kRowThreads) select_backward(PoolBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int64_t columns = p.dx.dims[1];
  for_rows({}, p.dy.dims[0], [&](int64_t b, const RowWalk&) {
    if (p.lengths(b) == 0) return;
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      const int64_t row = p.kind == PoolKind::max ? p.argmax(b, j) : last_row(p, b, j, columns);
      T& to = p.dx(row, j);
      to = static_cast<T>(static_cast<A>(to) + static_cast<A>(p.dy(b, p.column + j)));
    }
  });
}

}  // namespace

template <class T>
void launch(const PoolForwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  using A = arithmetic_t<T>;
  if (p.y.dims[0] == 0 || p.x.dims[1] == 0) return;
  switch (p.kind) {
    case PoolKind::last:
      return launch_kernel("pool_last", pool_last<T>, plan, stream, p);
    case PoolKind::mean:
      return launch_kernel("pool_mean", pool_steps<T, Sum<A, false>>, plan, stream, p);
    case PoolKind::sqrtn:
      return launch_kernel("pool_sqrtn", pool_steps<T, Sum<A, true>>, plan, stream, p);
    case PoolKind::max:
      return launch_kernel("pool_max", pool_steps<T, Max<A>>, plan, stream, p);
  }
}

template <class T>
void launch(const PoolBackwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  if (p.dx.dims[0] == 0 || p.dx.dims[1] == 0) return;
  if (p.kind == PoolKind::last || p.kind == PoolKind::max)
    return launch_kernel("pool_select_backward", select_backward<T>, plan, stream, p);
  constexpr int kWidth = kVecWidth<T>;
  if (p.kind == PoolKind::sqrtn)
    launch_kernel("pool_sqrtn_backward",
                  plan.width > 1 ? sum_backward<T, kWidth, true> : sum_backward<T, 1, true>, plan, stream, p);
  else
    launch_kernel("pool_mean_backward",
                  plan.width > 1 ? sum_backward<T, kWidth, false> : sum_backward<T, 1, false>, plan, stream,
                  p);
}

template void launch(const PoolForwardParams<float>&, const Plan&, cudaStream_t);
template void launch(const PoolForwardParams<double>&, const Plan&, cudaStream_t);
template void launch(const PoolForwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const PoolForwardParams<f16>&, const Plan&, cudaStream_t);
template void launch(const PoolBackwardParams<float>&, const Plan&, cudaStream_t);
template void launch(const PoolBackwardParams<double>&, const Plan&, cudaStream_t);
template void launch(const PoolBackwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const PoolBackwardParams<f16>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
