// What lies around the steps of a recurrence: masking a state, the operand of dR, zeroed padding.
//
// Maths:   out (+)= mask * in; out[row(t,b)] = mask[b] * h of the step before, else h0[b]; x = 0 in padding.
// Shapes:  states [B,H]; rows [N,H], [N,C].
// Grid:    row_grid: a thread walks over a few rows; each warp reads neighbouring columns of one.
// Bytes:   each element read once and written once (2 B H s, 2 N H s); of padding, written only.
// Bound:   by these bytes; for a state of a few rows by the launch.
// Sync:    none; each element has one writer, and `in` may be `out`, as a thread reads what it writes.
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/recurrence_step/masks.cuh"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {
namespace {

// mask[unit j of sequence b], 1 where there is none.
template <class A>
__device__ A factor(const DropoutMask<A>& mask, int64_t j, int64_t b) {
  return mask.threshold == 0 ? A(1) : draw<1>(mask, static_cast<int>(j), static_cast<int>(b)).at[0];
}

template <class T>
__global__ void __launch_bounds__(kRowThreads) mask_state(MaskStateParams<T> p) {
  using A = arithmetic_t<T>;
  for_rows({}, p.out.dims[0], [&](int64_t b, const RowWalk&) {
    for (int64_t j = threadIdx.x; j < p.out.dims[1]; j += blockDim.x) {
      const A masked = factor(p.mask, j, b) * p.in(b, j);
      p.out(b, j) = static_cast<T>(p.add ? static_cast<A>(p.out(b, j)) + masked : masked);
    }
  });
}

template <class T>
__global__ void __launch_bounds__(kRowThreads) h_before(HBeforeParams<T> p) {
  using A = arithmetic_t<T>;
  const int64_t steps = p.places.active.dims[0];
  for_rows(p.places, p.out.dims[0], [&](int64_t row, const RowWalk& walk) {
    const int64_t b = walk.b(), before = p.reverse ? walk.t() + 1 : walk.t() - 1;
    const T* y = nullptr;
    if (before >= 0 && before < steps && b < p.places.active(before))
      y = p.y.row(p.places.offsets(before) + b) + p.column;
    for (int64_t j = threadIdx.x; j < p.out.dims[1]; j += blockDim.x) {
      A h = 0;
      if (walk.valid()) h = y ? static_cast<A>(y[j]) : p.h0 ? p.h0(b, j) : A(0);
      p.out(row, j) = static_cast<T>(factor(p.mask, j, b) * h);
    }
  });
}

template <class T>
__global__ void __launch_bounds__(kRowThreads) zero_padding(ZeroPaddingParams<T> p) {
  for_rows(p.places, p.x.dims[0], [&](int64_t row, const RowWalk& walk) {
    for (int64_t j = threadIdx.x; j < p.x.dims[1] && !walk.valid(); j += blockDim.x) p.x(row, j) = T();
  });
}

template <class P>
void launch_rows(const char* name, void (*kernel)(P), int64_t rows, int64_t columns, const P& p,
                 cudaStream_t stream) {
  if (rows == 0 || columns == 0) return;
  const RowGrid g = row_grid(rows, columns);
  launch_kernel(name, kernel, g.grid, g.block, 0, stream, p);
}

}  // namespace

template <class T>
void launch(const MaskStateParams<T>& p, cudaStream_t stream) {
  launch_rows("mask_state", mask_state<T>, p.out.dims[0], p.out.dims[1], p, stream);
}
template <class T>
void launch(const HBeforeParams<T>& p, cudaStream_t stream) {
  launch_rows("h_before", h_before<T>, p.out.dims[0], p.out.dims[1], p, stream);
}
template <class T>
void launch(const ZeroPaddingParams<T>& p, cudaStream_t stream) {
  launch_rows("zero_padding", zero_padding<T>, p.x.dims[0], p.x.dims[1], p, stream);
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
