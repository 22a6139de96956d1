// Bias and bias gradient.
//
// Maths:   y = b, row by row; db += column sums of dy, or of its products with `factor`, in f64.
// Shapes:  y, dy [M,K]; b, db [K].
// Grid:    bias: row_grid over (row, column). Column sums: columns.cuh, chunks of rows and then their
//          sums; one launch where there is one chunk.
// Bytes:   bias M K s, s the size of T; column sums M K s, and M K / 8 at
//          most of partial sums.
// Bound:   memory.
// Sync:    the two stages are two kernels of one stream; within a block, one barrier. No atomics: who adds
//          what is fixed by M.
#include "kernels/batch/columns.cuh"
#include "kernels/batch/rows.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"
#include "kernels/core/vec.h"
#include "kernels/linear/linear.h"

namespace sluice::cuda {
namespace {

template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) bias(BiasParams<T> p) {
  const int64_t columns = p.y.dims[1];
  for_rows({}, p.y.dims[0], [&](int64_t r, const RowWalk&) {
    for (int64_t k = int64_t{threadIdx.x} * W; k < columns; k += int64_t{blockDim.x} * W) {
      auto b = load<W>(p.b.data + k);
      if (SLUICE_MUTANT(linear_without_bias)) b = {};
      store<W>(p.y.row(r) + k, b);
    }
  });
}

struct ColumnSum {
  double value;

  __device__ void join(const ColumnSum& later) { value += later.value; }
};

template <class T>
__global__ void __launch_bounds__(kColumns* kSlices) sum_chunks(ColumnSumParams<T> p) {
  const int64_t k = column_of_thread(), columns = p.db.dims[0];
  ColumnSum sum = {};
  if (k < columns)
    for_rows_of_slice({}, p.dy.dims[0], [&](int64_t r) {
      const auto dy = static_cast<arithmetic_t<T>>(p.dy(r, k));
      sum.value += p.factor ? static_cast<double>(dy) *
                                  static_cast<double>(static_cast<arithmetic_t<T>>(p.factor(r, k)))
                            : static_cast<double>(dy);
    });
  sum = join_slices(sum);
  if (threadIdx.y != 0 || k >= columns) return;
  if (gridDim.y == 1)
    p.db(k) += static_cast<arithmetic_t<T>>(sum.value);
  else
    p.partials(static_cast<int64_t>(blockIdx.y) * columns + k) = sum.value;
}

template <class T>
__global__ void __launch_bounds__(kColumns* kSlices) add_chunks(ColumnSumParams<T> p, int64_t chunks) {
  const int64_t k = column_of_thread(), columns = p.db.dims[0];
  ColumnSum sum = {};
  if (k < columns)
    for (int64_t chunk = threadIdx.y; chunk < chunks; chunk += kSlices)
      sum.value += p.partials(chunk * columns + k);
  sum = join_slices(sum);
  if (threadIdx.y == 0 && k < columns) p.db(k) += static_cast<arithmetic_t<T>>(sum.value);
}

}  // namespace

template <class T>
void launch(const BiasParams<T>& p, const Plan& plan, cudaStream_t stream) {
  if (p.y.dims[0] == 0 || p.y.dims[1] == 0) return;
  launch_kernel("bias", plan.width > 1 ? bias<T, kVecWidth<T>> : bias<T, 1>, plan, stream, p);
}

template <class T>
void launch(const ColumnSumParams<T>& p, const ColumnSumPlan& plan, cudaStream_t stream) {
  if (p.dy.dims[0] == 0 || p.db.dims[0] == 0) return;
  launch_kernel("column_sum_chunks", sum_chunks<T>, plan.sum, stream, p);
  if (plan.chunks > 1) launch_kernel("column_sum_add", add_chunks<T>, plan.add, stream, p, plan.chunks);
}

template void launch(const BiasParams<float>&, const Plan&, cudaStream_t);
template void launch(const BiasParams<double>&, const Plan&, cudaStream_t);
template void launch(const ColumnSumParams<float>&, const ColumnSumPlan&, cudaStream_t);
template void launch(const ColumnSumParams<double>&, const ColumnSumPlan&, cudaStream_t);
template void launch(const ColumnSumParams<bf16>&, const ColumnSumPlan&, cudaStream_t);
template void launch(const ColumnSumParams<f16>&, const ColumnSumPlan&, cudaStream_t);

}  // namespace sluice::cuda
