// Gather, segment sum and scatter of rows.
//
// Maths:   gather y[r] = table[ids[r]]; segment sum y[u] = sum of x over u's segment, from left to right, in
//          the type that T is computed in; scatter y[slots[u]] += x[u].
// Shapes:  rows of E elements, 128 bits at a time where E and the addresses allow.
// Grid:    row_grid over (row, column): gather and scatter four rows a thread, segment sum one. A thread owns
//          its columns of its row from first load to last store.
// Bytes:   gather R (2 E s + 4), s the size of T; segment sum (N + U) E s + 4 N + 4 U; scatter 3 U E s + 4 U.
//          Each is reached: nothing is read twice.
// Bound:   memory. A frequent word's segment is long and one thread walks it, because the order is part of
//          the promise; kAhead independent loads are in flight ahead of the chain of additions.
// Sync:    none: every output element has one writer, which needs no other thread's result.
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"
#include "kernels/embedding/embedding.h"

namespace sluice::cuda {
namespace {

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) gather(GatherParams<T> p) {
  for_rows({}, p.y.dims[0], [&](int64_t r, const RowWalk&) {
    const int32_t id = p.ids(r);
    for (int64_t j = int64_t{threadIdx.x} * W; j < p.y.dims[1]; j += int64_t{blockDim.x} * W)
      store<W>(p.y.row(r) + j, id < 0 ? Vec<arithmetic_t<T>, W>{} : load<W>(p.table.row(id) + j));
  });
}

template <class T, int W>
__device__ void add(Vec<T, W>& sum, const Vec<T, W>& x) {
#pragma unroll
  for (int i = 0; i < W; ++i) sum.at[i] += x.at[i];
}

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) segment_sum(SegmentSumParams<T> p) {
  constexpr int kAhead = 8;
  const int64_t u = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (u >= p.y.dims[0]) return;
  const int64_t begin = p.segments(u), end = p.segments(u + 1);
  for (int64_t j = int64_t{threadIdx.x} * W; j < p.y.dims[1]; j += int64_t{blockDim.x} * W) {
    Vec<arithmetic_t<T>, W> sum = {};
    int64_t s = begin;
    for (; s + kAhead <= end; s += kAhead) {
      Vec<arithmetic_t<T>, W> terms[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; ++k) terms[k] = load<W>(p.x.row(p.segment_rows(s + k)) + j);
#pragma unroll
      for (int k = 0; k < kAhead; ++k) add(sum, terms[k]);
    }
    for (; s < end; ++s) add(sum, load<W>(p.x.row(p.segment_rows(s)) + j));
    store<W>(p.y.row(u) + j, sum);
  }
}

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) scatter_add(ScatterAddParams<T> p) {
  for_rows({}, p.x.dims[0], [&](int64_t u, const RowWalk&) {
    const int32_t slot = p.slots(u);
    T* to = p.y.row(slot);
    for (int64_t j = int64_t{threadIdx.x} * W; slot >= 0 && j < p.x.dims[1]; j += int64_t{blockDim.x} * W) {
      auto sum = load<W>(to + j);
      add(sum, load<W>(p.x.row(u) + j));
      store<W>(to + j, sum);
    }
  });
}

}  // namespace

template <class T>
void launch(const GatherParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.y.dims[0], width = p.y.dims[1];
  if (rows == 0 || width == 0) return;
  constexpr int kWide = kVecWidth<T>;
  const bool wide = rows_in_vecs<T>(width, p.table.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / kWide : width);
  launch_kernel("gather", wide ? gather<T, kWide> : gather<T, 1>, g.grid, g.block, 0, stream, p);
}

template <class T>
void launch(const SegmentSumParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.y.dims[0], width = p.y.dims[1];
  if (rows == 0 || width == 0) return;
  constexpr int kWide = kVecWidth<T>;
  const bool wide = rows_in_vecs<T>(width, p.x.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / kWide : width, 1);
  launch_kernel("segment_sum", wide ? segment_sum<T, kWide> : segment_sum<T, 1>, g.grid, g.block, 0, stream,
                p);
}

template <class T>
void launch(const ScatterAddParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.x.dims[0], width = p.x.dims[1];
  if (rows == 0 || width == 0) return;
  constexpr int kWide = kVecWidth<T>;
  const bool wide = rows_in_vecs<T>(width, p.x.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / kWide : width);
  launch_kernel("scatter_add", wide ? scatter_add<T, kWide> : scatter_add<T, 1>, g.grid, g.block, 0, stream,
                p);
}

template void launch(const GatherParams<float>&, cudaStream_t);
template void launch(const GatherParams<double>&, cudaStream_t);
template void launch(const SegmentSumParams<float>&, cudaStream_t);
template void launch(const SegmentSumParams<double>&, cudaStream_t);
template void launch(const ScatterAddParams<float>&, cudaStream_t);
template void launch(const ScatterAddParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
