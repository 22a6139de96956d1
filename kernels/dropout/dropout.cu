// Dropout by masks that are drawn again wherever they are needed.
//
// Maths:   y = x / (1 - p) where the mask's word reaches the threshold, else 0 (never inf * 0).
// Shapes:  x, y [M,C]. Units are taken by fours, because one Philox block is four words.
// Grid:    row_grid over (row, quad); a thread finds its rows' (b, t) once by binary search and walks on.
// Bytes:   2 M C s, s the size of T; masks are never stored.
// Bound:   memory: some 100 integer instructions a quad, 16 or 32 bytes each way.
// Sync:    none. In place is safe: an element is read and written by one thread, read first.
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"
#include "kernels/core/vec.h"
#include "kernels/dropout/dropout.h"

namespace sluice::cuda {
namespace {

constexpr int kQuad = 4;

template <class T>
struct DropoutKernel {
  DropoutParams<T> p;
  uint32_t threshold;
  arithmetic_t<T> scale;
};

// Units [first, first + W) of a quad whose words are known.
template <int W, class T>
__device__ void drop(const DropoutKernel<T>& k, const PhiloxBlock& words, int first, const T* x, T* y) {
  const Vec<arithmetic_t<T>, W> in = load<W>(x + first);
  Vec<arithmetic_t<T>, W> out;
#pragma unroll
  for (int i = 0; i < W; ++i) out.at[i] = words.word[first + i] >= k.threshold ? in.at[i] * k.scale : 0;
  store<W>(y + first, out);
}

template <class T, bool wide>
__global__ void __launch_bounds__(kRowThreads) dropout(DropoutKernel<T> k) {
  constexpr int kStored = kVecWidth<T> < kQuad ? kVecWidth<T> : kQuad;
  constexpr int W = wide ? kStored : 1;
  const int64_t columns = k.p.x.dims[1], quads = (columns + kQuad - 1) / kQuad;
  for_rows(k.p.places, k.p.x.dims[0], [&](int64_t r, const RowWalk& walk) {
    const bool valid = walk.valid();
    const auto b = static_cast<uint32_t>(walk.b()), t = static_cast<uint32_t>(walk.t());
    for (int64_t q = threadIdx.x; q < quads; q += blockDim.x) {
      const T* x = k.p.x.row(r) + q * kQuad;
      T* y = k.p.y.row(r) + q * kQuad;
      PhiloxBlock words = {};
      if (k.threshold != 0)
        words = k.p.masks.quad(static_cast<uint32_t>(q), b, SLUICE_MUTANT(dropout_counter) ? t + 1 : t);
#pragma unroll
      for (int first = 0; first < kQuad; first += W) {
        if (!wide && q * kQuad + first >= columns) continue;
        if (valid)
          drop<W>(k, words, first, x, y);
        else
          store<W>(y + first, Vec<arithmetic_t<T>, W>{});
      }
    }
  });
}

}  // namespace

template <class T>
void launch(const DropoutParams<T>& p, cudaStream_t stream) {
  const int64_t rows = p.x.dims[0], columns = p.x.dims[1];
  if (rows == 0 || columns == 0) return;
  const DropoutKernel<T> k = {p, drop_threshold(p.p), static_cast<arithmetic_t<T>>(1 / (1 - p.p))};
  const bool wide = columns % kQuad == 0 && aligned_to_vec(p.x.data, p.y.data);
  const RowGrid g = row_grid(rows, (columns + kQuad - 1) / kQuad);
  launch_kernel("dropout", wide ? dropout<T, true> : dropout<T, false>, g.grid, g.block, 0, stream, k);
}

template void launch(const DropoutParams<float>&, cudaStream_t);
template void launch(const DropoutParams<double>&, cudaStream_t);
template void launch(const DropoutParams<bf16>&, cudaStream_t);
template void launch(const DropoutParams<f16>&, cudaStream_t);

}  // namespace sluice::cuda
