// y[m] = b for every row m.
//
// Shapes:  b [K], y [M,K].
// Grid:    row_grid: a thread walks over a few rows, each of its columns blockDim.x apart.
// Bytes:   M K written, K read. Bound by these bytes, or by the launch.
// Sync:    none; each element has one writer.
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/linear/bias.h"

namespace sluice::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kRowThreads) fill_rows(FillRowsParams<T> p) {
  for_rows({}, p.y.dims[0], [&](int64_t m, const RowWalk&) {
    for (int64_t k = threadIdx.x; k < p.y.dims[1]; k += blockDim.x) p.y(m, k) = p.b(k);
  });
}

}  // namespace

template <class T>
void launch(const FillRowsParams<T>& p, cudaStream_t stream) {
  if (p.y.dims[0] == 0 || p.y.dims[1] == 0) return;
  const RowGrid g = row_grid(p.y.dims[0], p.y.dims[1]);
  launch_kernel("fill_rows", fill_rows<T>, g.grid, g.block, 0, stream, p);
}

template void launch(const FillRowsParams<float>&, cudaStream_t);
template void launch(const FillRowsParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
