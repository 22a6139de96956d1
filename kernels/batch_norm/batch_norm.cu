// Batch normalisation, forward and backward.
//
// Maths:   y = gamma (x - mean) / sigma + beta. Backward, with xhat = (x - mean) / sigma: dbeta += sum dy;
//          dgamma += sum dy xhat; dx = gamma / sigma (dy - mean(dy) - xhat mean(dy xhat)), where the means
//          are 0 under running statistics.
// Shapes:  x, y, dy, dx [M,C] of T, of which only valid rows count; the rest [C] of what T is
//          computed in.
// Grid:    statistics: columns.cuh, chunks of rows, then the chunks. Applying: row_grid over (row, column).
// Bytes:   forward 3 M C s in training, 2 M C s else; backward 5 M C s; s the size of T. Reached but for the
//          chunks' partial results, 24 bytes a column for every 64 rows or more.
// Bound:   memory; on parts with few f64 units the sums come close.
// Sync:    the stages are kernels of one stream; within a block, one barrier. In place is safe: the thread
//          that writes an element is the one that read it. Who adds what is fixed by M: the same bits always.
//
// Note [Moments]
// Each slice sums x - s and its square in f64, s being its first value: one pass, and nothing cancels unless
// a slice begins far outside its own spread. Slices and chunks join as Chan, Golub, LeVeque (1979) do: the
// means' distance enters the squares. Means are kept as distances from x(0, j), which is a valid row where
// there is one at all, so that a mean far from nought costs no digits either.
#include "kernels/batch/columns.cuh"
#include "kernels/batch/rows.cuh"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/vec.h"

namespace sluice::cuda {
namespace {

struct Moments {
  double count, mean;  // the mean's distance from x(0, j)
  double squares;      // of the distances from the mean, summed

  __device__ void join(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, distance = other.mean - mean, share = other.count / total;
    squares += other.squares + distance * distance * count * share;
    mean += distance * share;
    count = total;
  }
};

struct GradientSums {
  double count, dy, dy_xhat;

  __device__ void join(const GradientSums& other) {
    count += other.count;
    dy += other.dy;
    dy_xhat += other.dy_xhat;
  }
};

template <class T>
__device__ double as_double(T value) {
  return static_cast<double>(static_cast<arithmetic_t<T>>(value));
}
// The chunks' results lie in the workspace as [chunks,3,C].
template <class S>
__device__ void write_chunk(double* workspace, int64_t chunk, int64_t columns, int64_t j, const S& s,
                            double S::*second, double S::*third) {
  double* to = workspace + 3 * chunk * columns + j;
  to[0] = s.count;
  to[columns] = s.*second;
  to[2 * columns] = s.*third;
}

// All chunks of this thread's column, joined: valid in slice 0.
template <class S>
__device__ S join_chunks(const double* workspace, int64_t chunks, int64_t columns, int64_t j,
                         double S::*second, double S::*third) {
  S joined = {};
  if (j < columns)
    for (int64_t chunk = threadIdx.y; chunk < chunks; chunk += kSlices) {
      const double* from = workspace + 3 * chunk * columns + j;
      S s;
      s.count = from[0];
      s.*second = from[columns];
      s.*third = from[2 * columns];
      joined.join(s);
    }
  return join_slices(joined);
}

template <class T>
__global__ void __launch_bounds__(kColumns* kSlices) moments_of_chunks(BatchNormForwardParams<T> p) {
  const int64_t j = column_of_thread(), columns = p.x.dims[1];
  double start = 0, sum = 0, squares = 0, count = 0;
  if (j < columns)
    for_rows_of_slice(p.places, p.x.dims[0], [&](int64_t r) {
      const double value = as_double(p.x(r, j));
      if (count == 0) start = value;
      sum += value - start;
      squares = fma(value - start, value - start, squares);
      count += 1;
    });
  Moments mine = {};
  if (count > 0)
    mine = {count, start - as_double(p.x(0, j)) + sum / count, fmax(0.0, squares - sum * (sum / count))};
  if (squares != squares) mine.squares = squares;  // fmax would lose NaN
  mine = join_slices(mine);
  if (threadIdx.y == 0 && j < columns)
    write_chunk(p.workspace.data, blockIdx.y, columns, j, mine, &Moments::mean, &Moments::squares);
}

// mean and inverse_std of each column; chunks: 0 asks for the running statistics.
template <class T>
__global__ void __launch_bounds__(kColumns* kSlices)
    finish_statistics(BatchNormForwardParams<T> p, int64_t chunks) {
  using A = arithmetic_t<T>;
  const int64_t j = column_of_thread(), columns = p.x.dims[1];
  const Moments all = join_chunks(p.workspace.data, chunks, columns, j, &Moments::mean, &Moments::squares);
  if (threadIdx.y != 0 || j >= columns) return;
  if (all.count == 0) {
    p.mean(j) = p.running_mean(j);
    p.inverse_std(j) = static_cast<A>(1 / sqrt(as_double(p.running_variance(j)) + p.epsilon));
    return;
  }
  const double biased = all.squares / all.count;
  const double unbiased = all.count > 1 ? all.squares / (all.count - 1) : biased;
  const double mean = as_double(p.x(0, j)) + all.mean, kept = 1 - p.momentum;
  p.mean(j) = static_cast<A>(mean);
  p.inverse_std(j) = static_cast<A>(1 / sqrt(biased + p.epsilon));
  p.running_mean(j) = static_cast<A>(kept * as_double(p.running_mean(j)) + p.momentum * mean);
  p.running_variance(j) = static_cast<A>(kept * as_double(p.running_variance(j)) + p.momentum * unbiased);
}

// Columns outside, rows inside: what belongs to a column is loaded once for a thread's rows.
template <class T, int W>
__global__ void __launch_bounds__(kRowThreads) normalise(BatchNormForwardParams<T> p) {
  const int64_t columns = p.x.dims[1];
  for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W) {
    const auto mean = load<W>(p.mean.data + j), inverse_std = load<W>(p.inverse_std.data + j);
    const auto gamma = load<W>(p.gamma.data + j), beta = load<W>(p.beta.data + j);
    for_rows(p.places, p.x.dims[0], [&](int64_t r, const RowWalk& walk) {
      Vec<arithmetic_t<T>, W> y = {};
      if (walk.valid()) {
        const auto x = load<W>(p.x.row(r) + j);
#pragma unroll
        for (int i = 0; i < W; ++i)
          y.at[i] = (x.at[i] - mean.at[i]) * inverse_std.at[i] * gamma.at[i] + beta.at[i];
      }
      store<W>(p.y.row(r) + j, y);
    });
  }
}

template <class T>
__global__ void __launch_bounds__(kColumns* kSlices) gradients_of_chunks(BatchNormBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int64_t j = column_of_thread(), columns = p.x.dims[1];
  GradientSums mine = {};
  if (j < columns) {
    const A mean = p.mean(j), inverse_std = p.inverse_std(j);
    for_rows_of_slice(p.places, p.x.dims[0], [&](int64_t r) {
      const A dy = static_cast<A>(p.dy(r, j));
      mine.count += 1;
      mine.dy += static_cast<double>(dy);
      mine.dy_xhat += static_cast<double>(dy * (static_cast<A>(p.x(r, j)) - mean) * inverse_std);
    });
  }
  mine = join_slices(mine);
  if (threadIdx.y == 0 && j < columns)
    write_chunk(p.workspace.data, blockIdx.y, columns, j, mine, &GradientSums::dy, &GradientSums::dy_xhat);
}

// dgamma, dbeta, and behind the chunks in the workspace [2,C]: what is taken off dy.
template <class T>
__global__ void __launch_bounds__(kColumns* kSlices)
    finish_gradients(BatchNormBackwardParams<T> p, int64_t chunks) {
  using A = arithmetic_t<T>;
  const int64_t j = column_of_thread(), columns = p.x.dims[1];
  const GradientSums all =
      join_chunks(p.workspace.data, chunks, columns, j, &GradientSums::dy, &GradientSums::dy_xhat);
  if (threadIdx.y != 0 || j >= columns) return;
  p.dbeta(j) += static_cast<A>(all.dy);
  p.dgamma(j) += static_cast<A>(all.dy_xhat);
  const double share = p.training && all.count > 0 ? 1 / all.count : 0.0;
  double* means = p.workspace.data + 3 * chunks * columns;
  means[j] = all.dy * share;
  means[columns + j] = all.dy_xhat * share;
}

// Note [Blocks of an SM]
template <class T, int W>
__global__ void __launch_bounds__(kRowThreads, W > 4 ? 3 : 5)
    input_gradient(BatchNormBackwardParams<T> p, const double* means) {
  using A = arithmetic_t<T>;
  const int64_t columns = p.x.dims[1];
  for (int64_t j = int64_t{threadIdx.x} * W; j < columns; j += int64_t{blockDim.x} * W) {
    const auto mean = load<W>(p.mean.data + j), inverse_std = load<W>(p.inverse_std.data + j);
    const auto gamma = load<W>(p.gamma.data + j);
    Vec<A, W> mean_dy, mean_dy_xhat;
#pragma unroll
    for (int i = 0; i < W; ++i) {
      mean_dy.at[i] = static_cast<A>(means[j + i]);
      mean_dy_xhat.at[i] = static_cast<A>(means[columns + j + i]);
    }
    for_rows(p.places, p.x.dims[0], [&](int64_t r, const RowWalk& walk) {
      Vec<A, W> dx = {};
      if (walk.valid()) {
        const auto x = load<W>(p.x.row(r) + j), dy = load<W>(p.dy.row(r) + j);
#pragma unroll
        for (int i = 0; i < W; ++i) {
          const A xhat = (x.at[i] - mean.at[i]) * inverse_std.at[i];
          dx.at[i] = gamma.at[i] * inverse_std.at[i] * (dy.at[i] - mean_dy.at[i] - xhat * mean_dy_xhat.at[i]);
        }
      }
      store<W>(p.dx.row(r) + j, dx);
    });
  }
}

}  // namespace

template <class T>
void launch(const BatchNormForwardParams<T>& p, const BatchNormPlan& plan, cudaStream_t stream) {
  if (p.x.dims[1] == 0) return;
  if (plan.chunks > 0) launch_kernel("batch_norm_moments", moments_of_chunks<T>, plan.sum, stream, p);
  launch_kernel("batch_norm_statistics", finish_statistics<T>, plan.finish, stream, p, plan.chunks);
  if (p.x.dims[0] == 0) return;
  launch_kernel("batch_norm", plan.apply.width > 1 ? normalise<T, kVecWidth<T>> : normalise<T, 1>, plan.apply,
                stream, p);
}

template <class T>
void launch(const BatchNormBackwardParams<T>& p, const BatchNormPlan& plan, cudaStream_t stream) {
  const int64_t columns = p.x.dims[1];
  if (p.x.dims[0] == 0 || columns == 0) return;
  launch_kernel("batch_norm_gradients", gradients_of_chunks<T>, plan.sum, stream, p);
  launch_kernel("batch_norm_finish", finish_gradients<T>, plan.finish, stream, p, plan.chunks);
  launch_kernel("batch_norm_input",
                plan.apply.width > 1 ? input_gradient<T, kVecWidth<T>> : input_gradient<T, 1>, plan.apply,
                stream, p, p.workspace.data + 3 * plan.chunks * columns);
}

template void launch(const BatchNormForwardParams<float>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormForwardParams<double>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormForwardParams<bf16>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormForwardParams<f16>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormBackwardParams<float>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormBackwardParams<double>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormBackwardParams<bf16>&, const BatchNormPlan&, cudaStream_t);
template void launch(const BatchNormBackwardParams<f16>&, const BatchNormPlan&, cudaStream_t);

}  // namespace sluice::cuda
