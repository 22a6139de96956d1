// Tensors and batches as kernels take them.
#pragma once

#include "engine/batch.h"
#include "engine/tensor.h"
#include "kernels/batch/rows.h"

namespace sluice::cuda {

// A typed window to read through; of a null tensor, a null one.
template <class T, int Rank>
View<const T, Rank> reading(const Tensor& tensor) {
  const View<T, Rank> view = tensor.view<T, Rank>();
  View<const T, Rank> result;
  result.data = view.data;
  for (int d = 0; d < Rank; ++d) result.dims[d] = view.dims[d];
  return result;
}

// [rows,columns] at `data`.
template <class T>
View<T, 2> matrix(T* data, int64_t rows, int64_t columns) {
  return {.data = data, .dims = {rows, columns}};
}

// A tensor of any rank as one row of elements.
inline Tensor flat(const Tensor& tensor) {
  return tensor.reshape({tensor.size()});
}

inline RowPlaces places_of(const Batch& batch) {
  return {.offsets = reading<int32_t, 1>(batch.offsets), .active = reading<int32_t, 1>(batch.active)};
}
// Of null: every row is valid.
inline RowPlaces places_of(const Batch* batch) {
  return batch ? places_of(*batch) : RowPlaces{};
}

}  // namespace sluice::cuda
