// Masks from lengths: mask[b,t] = t < lengths[b], bytes.
//
// Shapes:  lengths [B] i32, mask [B,T] u8.
// Grid:    row_grid over (b, t), a thread stores W bytes of one sequence.
// Bytes:   B T written, 4 B read. Bound by launch latency at any real size.
// Sync:    none; each byte has one writer.
#include "kernels/batch/batch.h"
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"

namespace sluice::cuda {
namespace {

template <int W>
__global__ void __launch_bounds__(kRowThreads) build_mask(BuildMaskParams p) {
  const int64_t steps = p.mask.dims[1];
  for_rows({}, p.mask.dims[0], [&](int64_t b, const RowWalk&) {
    const int32_t length = p.lengths(b);
    for (int64_t t = int64_t{threadIdx.x} * W; t < steps; t += int64_t{blockDim.x} * W) {
      Vec<uint8_t, W> bytes;
      for (int i = 0; i < W; ++i) bytes.at[i] = t + i < length ? 1 : 0;
      store<W>(p.mask.row(b) + t, bytes);
    }
  });
}

}  // namespace

void launch(const BuildMaskParams& p, cudaStream_t stream) {
  const int64_t sequences = p.mask.dims[0], steps = p.mask.dims[1];
  if (sequences == 0 || steps == 0) return;
  constexpr int kWide = kVecWidth<uint8_t>;
  const bool wide = rows_in_vecs<uint8_t>(steps, p.mask.data);
  const RowGrid g = row_grid(sequences, wide ? steps / kWide : steps);
  launch_kernel("build_mask", wide ? build_mask<kWide> : build_mask<1>, g.grid, g.block, 0, stream, p);
}

}  // namespace sluice::cuda
