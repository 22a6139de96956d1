// A running mean of parameters.
//
// Maths:   average += share (x - average), one fma.
// Shapes:  flat [n].
// Grid:    128 bits of each array a thread.
// Bytes:   3 n s, s the size of T.
// Bound:   memory.
// Sync:    none: each element has one owner.
#include "kernels/core/launch.cuh"
#include "kernels/optim/average.h"
#include "kernels/optim/flat.cuh"

namespace sluice::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kFlatThreads)
    average(View<const T, 1> x, View<T, 1> mean, arithmetic_t<T> share, bool aligned) {
  constexpr int W = kVecWidth<T>;
  const int64_t begin = flat_begin<T>(), n = x.dims[0];
  const auto from = load_piece(x.data, begin, n, aligned);
  auto to = load_piece(mean.data, begin, n, aligned);
#pragma unroll
  for (int k = 0; k < W; ++k) to.at[k] = fma(share, from.at[k] - to.at[k], to.at[k]);
  store_piece(mean.data, begin, n, aligned, to);
}

}  // namespace

template <class T>
void launch(const AverageParams<T>& p, cudaStream_t stream) {
  const int64_t n = p.x.dims[0];
  if (n == 0) return;
  launch_kernel("average", average<T>, dim3(flat_blocks<T>(n)), dim3(kFlatThreads), 0, stream, p.x, p.average,
                static_cast<arithmetic_t<T>>(p.share), aligned_to_vec(p.x.data, p.average.data));
}

template void launch(const AverageParams<float>&, cudaStream_t);
template void launch(const AverageParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
