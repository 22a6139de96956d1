// What a linear layer needs beside its products: the bias and its gradient.
#pragma once

#include <cstdint>

#include "kernels/batch/columns.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y[r,k] += b[k], or = b[k].
template <class T>
struct BiasParams {
  View<const T, 1> b;  // [K]
  View<T, 2> y;        // [M,K] += or =
  bool accumulate = true;
};

// db[k] += sum over r of dy[r,k], added up in f64.
template <class T>
struct ColumnSumParams {
  View<const T, 2> dy;          // [M,K]
  View<double, 1> partials;     // [column_sum_partials(M, K)] workspace
  View<arithmetic_t<T>, 1> db;  // [K] +=
};
constexpr int64_t column_sum_partials(int64_t rows, int64_t columns) {
  return column_chunks(rows) * columns;
}

template <class T>
void launch(const BiasParams<T>&, cudaStream_t);
template <class T>
void launch(const ColumnSumParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
