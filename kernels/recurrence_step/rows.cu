// What lies around the steps of a recurrence: masking a state, the operand of dR, zeroed padding.
//
// Maths:   out (+)= mask * in; out[row(t,b)] = mask[b] * h of the step before, else h0[b]; x = 0 in padding.
// Shapes:  states [B,H]; rows [N,H], [N,C].
// Grid:    row_grid: a thread walks over a few rows, 128 bits at a time where addresses allow; a warp reads
//          neighbouring columns.
// Bytes:   each element read once and written once (2 B H s, 2 N H s); of padding, written only.
// Bound:   by these bytes; for a state of a few rows by the launch.
// Sync:    none; each element has one writer, and `in` may be `out`, as a thread reads what it writes.
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/recurrence_step/masks.cuh"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {
namespace {

// values *= mask[units j.. of sequence b], 1 where there is none.
template <class A, int W>
__device__ void multiply(Vec<A, W>& values, const DropoutMask<A>& mask, int64_t j, int64_t b) {
  if (mask.threshold == 0) return;
  const Vec<A, W> factors = draw<W>(mask, static_cast<int>(j), static_cast<int>(b));
#pragma unroll
  for (int i = 0; i < W; ++i) values.at[i] *= factors.at[i];
}

// Four blocks a multiprocessor are enough; ptxas would spill for six on sm_100a.
template <class T, int W>
__global__ void __launch_bounds__(kRowThreads, 4) mask_state(MaskStateParams<T> p) {
  const int64_t columns = p.out.dims[1];
  for_rows({}, p.out.dims[0], [&](int64_t b, const RowWalk&) {
    for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W) {
      auto values = load<W>(p.in.row(b) + j);
      multiply(values, p.mask, j, b);
      if (p.add) {
        const auto before = load<W>(p.out.row(b) + j);
#pragma unroll
        for (int i = 0; i < W; ++i) values.at[i] += before.at[i];
      }
      store<W>(p.out.row(b) + j, values);
    }
  });
}

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) h_before(HBeforeParams<T> p) {
  const int64_t steps = p.places.active.dims[0], columns = p.out.dims[1];
  for_rows(p.places, p.out.dims[0], [&](int64_t row, const RowWalk& walk) {
    const int64_t b = walk.b(), before = p.reverse ? walk.t() + 1 : walk.t() - 1;
    const bool valid = walk.valid();
    const T* y = nullptr;
    if (before >= 0 && before < steps && b < p.places.active(before))
      y = p.y.row(p.places.offsets(before) + b) + p.column;
    for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W) {
      Vec<arithmetic_t<T>, W> h = {};
      if (valid && y)
        h = load<W>(y + j);
      else if (valid && p.h0)
        h = load<W>(p.h0.row(b) + j);
      multiply(h, p.mask, j, b);
      store<W>(p.out.row(row) + j, h);
    }
  });
}

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) zero_padding(ZeroPaddingParams<T> p) {
  const int64_t columns = p.x.dims[1];
  for_rows(p.places, p.x.dims[0], [&](int64_t row, const RowWalk& walk) {
    if (walk.valid()) return;
    for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W)
      store<W>(p.x.row(row) + j, Vec<arithmetic_t<T>, W>{});
  });
}

// wide, narrow: the kernel that takes `width` elements at once, where `aligned` rows allow, and one.
template <class P>
void launch_rows(const char* name, void (*wide)(P), void (*narrow)(P), int width, bool aligned, int64_t rows,
                 int64_t columns, const P& p, cudaStream_t stream) {
  if (rows == 0 || columns == 0) return;
  const bool vectors = aligned && columns % width == 0;
  const RowGrid g = row_grid(rows, vectors ? columns / width : columns);
  launch_kernel(name, vectors ? wide : narrow, g.grid, g.block, 0, stream, p);
}

// What a thread takes at once: 128 bits of what is computed in, so that masks are drawn by whole blocks.
template <class T>
constexpr int kWide = kVecWidth<arithmetic_t<T>>;

}  // namespace

template <class T>
void launch(const MaskStateParams<T>& p, cudaStream_t stream) {
  launch_rows("mask_state", mask_state<T, kWide<T>>, mask_state<T, 1>, kWide<T>,
              aligned_to_vec(p.in.data, p.out.data), p.out.dims[0], p.out.dims[1], p, stream);
}
template <class T>
void launch(const HBeforeParams<T>& p, cudaStream_t stream) {
  const bool aligned = aligned_to_vec(p.y.data, p.h0.data, p.out.data) && p.column % kWide<T> == 0 &&
                       p.y.dims[1] % kWide<T> == 0;
  launch_rows("h_before", h_before<T, kWide<T>>, h_before<T, 1>, kWide<T>, aligned, p.out.dims[0],
              p.out.dims[1], p, stream);
}
template <class T>
void launch(const ZeroPaddingParams<T>& p, cudaStream_t stream) {
  launch_rows("zero_padding", zero_padding<T, kWide<T>>, zero_padding<T, 1>, kWide<T>,
              aligned_to_vec(p.x.data), p.x.dims[0], p.x.dims[1], p, stream);
}

template void launch(const MaskStateParams<float>&, cudaStream_t);
template void launch(const MaskStateParams<double>&, cudaStream_t);
template void launch(const MaskStateParams<bf16>&, cudaStream_t);
template void launch(const MaskStateParams<f16>&, cudaStream_t);
template void launch(const HBeforeParams<float>&, cudaStream_t);
template void launch(const HBeforeParams<double>&, cudaStream_t);
template void launch(const HBeforeParams<bf16>&, cudaStream_t);
template void launch(const HBeforeParams<f16>&, cudaStream_t);
template void launch(const ZeroPaddingParams<float>&, cudaStream_t);
template void launch(const ZeroPaddingParams<double>&, cudaStream_t);
template void launch(const ZeroPaddingParams<bf16>&, cudaStream_t);
template void launch(const ZeroPaddingParams<f16>&, cudaStream_t);

}  // namespace sluice::cuda
