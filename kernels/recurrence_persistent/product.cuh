// A block's share of a product with R, by what the storage type allows.
#pragma once

#include <type_traits>

#include "kernels/recurrence_persistent/product_fma.cuh"
#include "kernels/recurrence_persistent/product_mma.cuh"

namespace sluice::cuda {

template <class T, int kFixedK, int kOutputs>
using ProductOf = std::conditional_t<sizeof(T) == 4, FmaProduct<kFixedK, kOutputs>, MmaProduct<T, kFixedK>>;

}  // namespace sluice::cuda
