// Batch normalisation (Ioffe and Szegedy 2015) over the valid rows.
#pragma once

#include <cstdint>

#include "kernels/batch/columns.h"
#include "kernels/batch/rows.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// Elements (f64) of workspace that either direction wants for [rows,columns].
constexpr int64_t batch_norm_workspace(int64_t rows, int64_t columns) {
  return (3 * column_chunks(rows) + 2) * columns;
}

// Training: with the batch's mean and biased variance, and running = (1 - momentum) running + momentum *
// statistic (variance unbiased; of one row, biased). Else, and for a batch without a valid row, with the
// running statistics. Padding rows of y are written as zero. What belongs to a column has the type A that T
// is computed in.
template <class T>
struct BatchNormForwardParams {
  using A = arithmetic_t<T>;
  RowPlaces places;  // null where no row is padding: the same results, sooner
  bool training = false;
  double epsilon = 1e-5, momentum = 0.1;
  View<const T, 2> x;                         // [M,C]
  View<const A, 1> gamma, beta;               // [C]
  View<A, 1> running_mean, running_variance;  // [C] updated while training
  View<A, 1> mean, inverse_std;               // [C] = for backward
  View<T, 2> y;                               // [M,C] =  may be x
  View<double, 1> workspace;                  // [batch_norm_workspace(M, C)]
};

template <class T>
struct BatchNormBackwardParams {
  using A = arithmetic_t<T>;
  RowPlaces places;
  bool training = false;
  View<const T, 2> x, dy;                     // [M,C]
  View<const A, 1> gamma, mean, inverse_std;  // [C]
  View<T, 2> dx;                              // [M,C] =  may be dy
  View<A, 1> dgamma, dbeta;                   // [C] +=
  View<double, 1> workspace;                  // [batch_norm_workspace(M, C)]
};

struct BatchNormPlan {
  int64_t chunks = 0;       // of rows, for sums down the columns; 0 with running statistics
  Plan sum, finish, apply;  // of each chunk; of the chunks; to every element
};
struct BatchNormShape {
  int64_t rows = 0, columns = 0;
  bool sums = true;  // over the rows: backward, and forward in training
  int width = 1;     // elements that a thread may take at once
};
Planned<BatchNormPlan> plan_batch_norm(const BatchNormShape&, const DeviceProps&);

template <class T>
Planned<BatchNormPlan> plan(const BatchNormForwardParams<T>& p, const DeviceProps& device) {
  const bool aligned =
      aligned_to_vec(p.x.data, p.y.data, p.mean.data, p.inverse_std.data, p.gamma.data, p.beta.data);
  const int64_t columns = p.x.dims[1];
  return plan_batch_norm({p.x.dims[0], columns, p.training, vector_width(sizeof(T), columns, aligned)},
                         device);
}
template <class T>
Planned<BatchNormPlan> plan(const BatchNormBackwardParams<T>& p, const DeviceProps& device) {
  const bool aligned =
      aligned_to_vec(p.x.data, p.dy.data, p.dx.data, p.mean.data, p.inverse_std.data, p.gamma.data);
  const int64_t columns = p.x.dims[1];
  return plan_batch_norm({p.x.dims[0], columns, true, vector_width(sizeof(T), columns, aligned)}, device);
}

template <class T>
void launch(const BatchNormForwardParams<T>&, const BatchNormPlan&, cudaStream_t);
template <class T>
void launch(const BatchNormBackwardParams<T>&, const BatchNormPlan&, cudaStream_t);

}  // namespace sluice::cuda
