// Batch normalisation (Ioffe and Szegedy 2015) over the valid rows.
#pragma once

#include <cstdint>

#include "kernels/batch/columns.h"
#include "kernels/batch/rows.h"
#include "kernels/core/arithmetic.h"
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

template <class T>
void launch(const BatchNormForwardParams<T>&, cudaStream_t);
template <class T>
void launch(const BatchNormBackwardParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
