#include "engine/backends/cuda/sums.h"

#include "engine/backends/cuda/planned.h"
#include "kernels/linear/linear.h"

namespace sluice::cuda {

template <class T>
void add_column_sums(Queue& queue, View<const T, 2> x, View<arithmetic_t<T>, 1> to, View<const T, 2> factor) {
  const int64_t count = column_sum_partials(x.dims[0], to.dims[0]);
  auto* workspace = static_cast<double*>(queue.workspace(static_cast<size_t>(count) * sizeof(double)));
  launch_planned(queue,
                 ColumnSumParams<T>{
                     .dy = x, .factor = factor, .partials = {.data = workspace, .dims = {count}}, .db = to});
}

template void add_column_sums(Queue&, View<const float, 2>, View<float, 1>, View<const float, 2>);
template void add_column_sums(Queue&, View<const double, 2>, View<double, 1>, View<const double, 2>);
template void add_column_sums(Queue&, View<const bf16, 2>, View<float, 1>, View<const bf16, 2>);
template void add_column_sums(Queue&, View<const f16, 2>, View<float, 1>, View<const f16, 2>);

}  // namespace sluice::cuda
