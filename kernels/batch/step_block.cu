// Rows of consecutive steps copied between places of different pitch and type, forwards or backwards in time.
//
// Maths:   to[t,b] (+)= from[t,b], or from[steps-1-t,b].
// Shapes:  [steps, rows, width] on either side, rows `row` and steps `step` elements apart.
// Grid:    row_grid over steps * rows, a thread walks over a few rows, 128 bits at a time where addresses
//          allow.
// Bytes:   each element read once and written once; where it adds, read once more.
// Bound:   memory.
// Sync:    none; each element has one writer.
#include <algorithm>

#include "kernels/batch/rows.cuh"
#include "kernels/batch/step_block.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"

namespace sluice::cuda {
namespace {

template <class From, class To, int W>
__global__ void __launch_bounds__(kRowThreads) copy_steps(CopyStepsParams<From, To> p) {
  for_rows({}, p.steps * p.rows, [&](int64_t r, const RowWalk&) {
    const int64_t t = r / p.rows, b = r - t * p.rows;
    const From* from = p.from.data + (p.reverse ? p.steps - 1 - t : t) * p.from.step + b * p.from.row;
    To* to = p.to.data + t * p.to.step + b * p.to.row;
    for (int64_t j = int64_t{threadIdx.x} * W; j < p.width; j += int64_t{blockDim.x} * W) {
      Vec<arithmetic_t<To>, W> values = load<W>(from + j);
      if (p.add) {
        const auto before = load<W>(to + j);
        for (int i = 0; i < W; ++i) values.at[i] += before.at[i];
      }
      store<W>(to + j, values);
    }
  });
}

template <class T>
bool in_vecs(const StepRows<T>& rows, int width) {
  return rows.step % width == 0 && rows.row % width == 0 && aligned_to_vec(rows.data);
}

}  // namespace

template <class From, class To>
void launch(const CopyStepsParams<From, To>& p, cudaStream_t stream) {
  if (p.steps == 0 || p.rows == 0 || p.width == 0) return;
  constexpr int kWide = std::min(kVecWidth<From>, kVecWidth<To>);
  const bool wide = p.width % kWide == 0 && in_vecs(p.from, kWide) && in_vecs(p.to, kWide);
  const RowGrid g = row_grid(p.steps * p.rows, wide ? p.width / kWide : p.width);
  launch_kernel("copy_steps", wide ? copy_steps<From, To, kWide> : copy_steps<From, To, 1>, g.grid, g.block,
                0, stream, p);
}

template void launch(const CopyStepsParams<float, float>&, cudaStream_t);
template void launch(const CopyStepsParams<double, double>&, cudaStream_t);
template void launch(const CopyStepsParams<bf16, bf16>&, cudaStream_t);
template void launch(const CopyStepsParams<bf16, float>&, cudaStream_t);
template void launch(const CopyStepsParams<float, bf16>&, cudaStream_t);
template void launch(const CopyStepsParams<f16, f16>&, cudaStream_t);
template void launch(const CopyStepsParams<f16, float>&, cudaStream_t);
template void launch(const CopyStepsParams<float, f16>&, cudaStream_t);

}  // namespace sluice::cuda
