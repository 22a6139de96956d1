// What a linear layer needs beside its products: the bias and its gradient.
#pragma once

#include <cstdint>

#include "kernels/batch/columns.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// y[r,k] = b[k].
template <class T>
struct BiasParams {
  View<const T, 1> b;  // [K]
  View<T, 2> y;        // [M,K] =
};

// db[k] += sum over r of dy[r,k], or of dy[r,k] * factor[r,k], added up in f64.
template <class T>
struct ColumnSumParams {
  View<const T, 2> dy;          // [M,>=K]
  View<const T, 2> factor;      // [M,K] or null
  View<double, 1> partials;     // [column_sum_partials(M, K)] workspace
  View<arithmetic_t<T>, 1> db;  // [K] +=
};
constexpr int64_t column_sum_partials(int64_t rows, int64_t columns) {
  return column_chunks(rows) * columns;
}

// width: elements that a thread may take at once.
PlanResult plan_bias(int64_t rows, int64_t columns, int width, const DeviceProps&);

struct ColumnSumPlan {
  int64_t chunks = 0;
  Plan sum, add;  // of each chunk's rows; of the chunks, where there are several
};
Planned<ColumnSumPlan> plan_column_sum(int64_t rows, int64_t columns, const DeviceProps&);

template <class T>
PlanResult plan(const BiasParams<T>& p, const DeviceProps& device) {
  const int64_t columns = p.y.dims[1];
  return plan_bias(p.y.dims[0], columns, vector_width(sizeof(T), columns, aligned_to_vec(p.b.data, p.y.data)),
                   device);
}
template <class T>
Planned<ColumnSumPlan> plan(const ColumnSumParams<T>& p, const DeviceProps& device) {
  return plan_column_sum(p.dy.dims[0], p.db.dims[0], device);
}

template <class T>
void launch(const BiasParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch(const ColumnSumParams<T>&, const ColumnSumPlan&, cudaStream_t);

}  // namespace sluice::cuda
