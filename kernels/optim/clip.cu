// Sum of squares, the clip scale, clipping by value.
//
// Maths:   out += sum x^2 in f64, so that squares of f32 are exact; scale = min(1, max_norm / norm) /
// loss_scale. Shapes:  flat [n]; out, scale [1] f64, in device memory: no host need know them. Grid:
// sum_squares: a block a chunk of 16384 elements, then one block over the chunks' sums. clip_value:
//          128 bits a thread.
// Bytes:   sum_squares n s, clip_value 2 n s; the partial sums are n / 2048 bytes more.
// Bound:   memory; on parts with few f64 units the conversion and FMA of each element come close.
// Sync:    the two stages are two kernels of one stream. Within a block, shared memory between barriers. Who
//          adds what is fixed by n alone: the bits do not depend on the grid, the device or the alignment.
#include "kernels/core/launch.cuh"
#include "kernels/core/reduce.cuh"
#include "kernels/optim/clip.h"
#include "kernels/optim/flat.cuh"

namespace sluice::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kFlatThreads) sum_squares_chunk(SumSquaresParams<T> p, bool aligned) {
  constexpr int W = kVecWidth<T>;
  const int64_t n = p.x.dims[0], first = static_cast<int64_t>(blockIdx.x) * kSumSquaresChunk;
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x * W; i < kSumSquaresChunk; i += kFlatThreads * W) {
    const auto piece = load_piece(p.x.data, first + i, n, aligned);
#pragma unroll
    for (int k = 0; k < W; ++k) {
      const auto value = static_cast<double>(piece.at[k]);
      sum = fma(value, value, sum);
    }
  }
  sum = block_sum<kFlatThreads>(sum);
  if (threadIdx.x == 0) p.partials(blockIdx.x) = sum;
}

__global__ void __launch_bounds__(kFlatThreads) add_partials(View<const double, 1> partials, double* out) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < partials.dims[0]; i += kFlatThreads) sum += partials(i);
  sum = block_sum<kFlatThreads>(sum);
  if (threadIdx.x == 0) *out += sum;
}

__global__ void clip_scale(ClipScaleParams p) {
  const double sum = p.sum_squares(0), loss_scale = p.loss_scale ? p.loss_scale(0) : 1;
  double scale = isfinite(sum) ? 1 : nan("");
  if (p.max_norm > 0) scale *= fmin(1.0, p.max_norm / (sqrt(sum) / loss_scale));
  p.scale(0) = scale / loss_scale;
}

template <class T>
__global__ void __launch_bounds__(kFlatThreads) clip_value(ClipValueParams<T> p, bool aligned) {
  constexpr int W = kVecWidth<T>;
  const View<T, 1>& x = p.x;
  const int64_t begin = flat_begin<T>(), n = x.dims[0];
  const double loss_scale = p.loss_scale ? p.loss_scale(0) : 1;
  const auto limit = static_cast<arithmetic_t<T>>(p.limit * loss_scale);
  auto piece = load_piece(x.data, begin, n, aligned);
#pragma unroll
  for (int k = 0; k < W; ++k) {  // comparisons with NaN are false: NaN stays
    if (loss_scale > 1 && isinf(piece.at[k])) continue;
    if (piece.at[k] < -limit) piece.at[k] = -limit;
    if (piece.at[k] > limit) piece.at[k] = limit;
  }
  store_piece(x.data, begin, n, aligned, piece);
}

}  // namespace

template <class T>
void launch(const SumSquaresParams<T>& p, cudaStream_t stream) {
  const int64_t chunks = sum_squares_partials(p.x.dims[0]);
  if (chunks == 0) return;
  launch_kernel("sum_squares_chunk", sum_squares_chunk<T>, dim3(static_cast<unsigned>(chunks)),
                dim3(kFlatThreads), 0, stream, p, aligned_to_vec(p.x.data));
  const View<const double, 1> partials = {p.partials.data, {chunks}};
  launch_kernel("sum_squares_add", add_partials, dim3(1), dim3(kFlatThreads), 0, stream, partials,
                p.out.data);
}

void launch(const ClipScaleParams& p, cudaStream_t stream) {
  launch_kernel("clip_scale", clip_scale, dim3(1), dim3(1), 0, stream, p);
}

template <class T>
void launch(const ClipValueParams<T>& p, cudaStream_t stream) {
  if (p.x.dims[0] == 0) return;
  launch_kernel("clip_value", clip_value<T>, dim3(flat_blocks<T>(p.x.dims[0])), dim3(kFlatThreads), 0, stream,
                p, aligned_to_vec(p.x.data));
}

template void launch(const SumSquaresParams<float>&, cudaStream_t);
template void launch(const SumSquaresParams<double>&, cudaStream_t);
template void launch(const ClipValueParams<float>&, cudaStream_t);
template void launch(const ClipValueParams<double>&, cudaStream_t);

}  // namespace sluice::cuda
