// Gather, segment sum and scatter of rows.
//
// Maths:   gather y[r] = table[ids[r]]; segment sum y[u] = sum of x over u's segment, from left to right, in
//          the type that From is computed in; scatter y[slots[u]] += x[u].
// Shapes:  rows of E elements, 128 bits of the narrower type at a time where E and the addresses allow.
// Grid:    row_grid over (row, column): gather and scatter four rows a thread, segment sum one. A thread owns
//          its columns of its row from first load to last store.
// Bytes:   gather R (E (f + t) + 4), f and t the sizes of From and To; segment sum N E f + U E t + 4 N + 4 U;
//          scatter U E (f + 2 t) + 4 U.
//          Each is reached: nothing is read twice.
// Bound:   memory. A frequent word's segment is long and one thread walks it, because the order is part of
//          the promise; kAhead independent loads are in flight ahead of the chain of additions.
// Sync:    none: every output element has one writer, which needs no other thread's result.
//
// Note [Blocks of an SM]
// Left to itself, ptxas spills a few bytes to fit one block more on an SM. Kernels that this happened to say
// in __launch_bounds__ how many blocks of 256 threads are enough: 5 leave a thread 48 registers, 4 leave 64,
// 3 leave 80.
#include <algorithm>

#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"
#include "kernels/embedding/embedding.h"

namespace sluice::cuda {
namespace {

template <class From, class To, int W>
__global__ void __launch_bounds__(kRowThreads) gather(GatherParams<From, To> p) {
  for_rows({}, p.y.dims[0], [&](int64_t r, const RowWalk&) {
    const int32_t id = p.ids(r);
    for (int64_t j = int64_t{threadIdx.x} * W; j < p.y.dims[1]; j += int64_t{blockDim.x} * W)
      store<W>(p.y.row(r) + j, id < 0 ? Vec<arithmetic_t<From>, W>{} : load<W>(p.table.row(id) + j));
  });
}

template <class A, int W>
__device__ void add(Vec<A, W>& sum, const Vec<A, W>& x) {
#pragma unroll
  for (int i = 0; i < W; ++i) sum.at[i] += x.at[i];
}

// 5: Note [Blocks of an SM]
template <class From, class To, int W>
__global__ void __launch_bounds__(kRowThreads, 5) segment_sum(SegmentSumParams<From, To> p) {
  constexpr int kAhead = W > 4 ? 4 : 8;  // 32 registers at most
  const int64_t u = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (u >= p.y.dims[0]) return;
  const int64_t begin = p.segments(u), end = p.segments(u + 1);
  for (int64_t j = int64_t{threadIdx.x} * W; j < p.y.dims[1]; j += int64_t{blockDim.x} * W) {
    Vec<arithmetic_t<From>, W> sum = {};
    int64_t s = begin;
    for (; s + kAhead <= end; s += kAhead) {
      Vec<arithmetic_t<From>, W> terms[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; ++k) terms[k] = load<W>(p.x.row(p.segment_rows(s + k)) + j);
#pragma unroll
      for (int k = 0; k < kAhead; ++k) add(sum, terms[k]);
    }
    for (; s < end; ++s) add(sum, load<W>(p.x.row(p.segment_rows(s)) + j));
    store<W>(p.y.row(u) + j, sum);
  }
}

template <class From, class To, int W>
__global__ void __launch_bounds__(kRowThreads) scatter_add(ScatterAddParams<From, To> p) {
  for_rows({}, p.x.dims[0], [&](int64_t u, const RowWalk&) {
    const int32_t slot = p.slots(u);
    To* to = p.y.row(slot);
    for (int64_t j = int64_t{threadIdx.x} * W; slot >= 0 && j < p.x.dims[1]; j += int64_t{blockDim.x} * W) {
      auto sum = load<W>(to + j);
      add(sum, load<W>(p.x.row(u) + j));
      store<W>(to + j, sum);
    }
  });
}

// Elements that a thread takes at a time: 128 bits of the narrower type.
template <class From, class To>
constexpr int kWide = std::max(kVecWidth<From>, kVecWidth<To>);

template <class From, class To>
bool in_vecs(int64_t width, const From* from, const To* to) {
  return width % kWide<From, To> == 0 && aligned_to_vec(from, to);
}

}  // namespace

template <class From, class To>
void launch(const GatherParams<From, To>& p, cudaStream_t stream) {
  constexpr int W = kWide<From, To>;
  const int64_t rows = p.y.dims[0], width = p.y.dims[1];
  if (rows == 0 || width == 0) return;
  const bool wide = in_vecs(width, p.table.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / W : width);
  launch_kernel("gather", wide ? gather<From, To, W> : gather<From, To, 1>, g.grid, g.block, 0, stream, p);
}

template <class From, class To>
void launch(const SegmentSumParams<From, To>& p, cudaStream_t stream) {
  constexpr int W = kWide<From, To>;
  const int64_t rows = p.y.dims[0], width = p.y.dims[1];
  if (rows == 0 || width == 0) return;
  const bool wide = in_vecs(width, p.x.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / W : width, 1);
  launch_kernel("segment_sum", wide ? segment_sum<From, To, W> : segment_sum<From, To, 1>, g.grid, g.block, 0,
                stream, p);
}

template <class From, class To>
void launch(const ScatterAddParams<From, To>& p, cudaStream_t stream) {
  constexpr int W = kWide<From, To>;
  const int64_t rows = p.x.dims[0], width = p.x.dims[1];
  if (rows == 0 || width == 0) return;
  const bool wide = in_vecs(width, p.x.data, p.y.data);
  const RowGrid g = row_grid(rows, wide ? width / W : width);
  launch_kernel("scatter_add", wide ? scatter_add<From, To, W> : scatter_add<From, To, 1>, g.grid, g.block, 0,
                stream, p);
}

template void launch(const GatherParams<float, float>&, cudaStream_t);
template void launch(const GatherParams<double, double>&, cudaStream_t);
template void launch(const GatherParams<bf16, bf16>&, cudaStream_t);
template void launch(const GatherParams<f16, f16>&, cudaStream_t);
template void launch(const GatherParams<float, bf16>&, cudaStream_t);
template void launch(const GatherParams<float, f16>&, cudaStream_t);
template void launch(const SegmentSumParams<float, float>&, cudaStream_t);
template void launch(const SegmentSumParams<double, double>&, cudaStream_t);
template void launch(const SegmentSumParams<bf16, bf16>&, cudaStream_t);
template void launch(const SegmentSumParams<f16, f16>&, cudaStream_t);
template void launch(const SegmentSumParams<bf16, float>&, cudaStream_t);
template void launch(const SegmentSumParams<f16, float>&, cudaStream_t);
template void launch(const ScatterAddParams<float, float>&, cudaStream_t);
template void launch(const ScatterAddParams<double, double>&, cudaStream_t);
template void launch(const ScatterAddParams<bf16, float>&, cudaStream_t);
template void launch(const ScatterAddParams<f16, float>&, cudaStream_t);

}  // namespace sluice::cuda
