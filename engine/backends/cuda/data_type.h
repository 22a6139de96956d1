// CUDA's name for a type that tensors are stored in, as cuBLAS and cuBLASLt ask for it.
#pragma once

#include <library_types.h>

#include "kernels/core/arithmetic.h"

namespace sluice::cuda {

template <class T>
constexpr cudaDataType_t kDataType = CUDA_R_32F;
template <>
inline constexpr cudaDataType_t kDataType<double> = CUDA_R_64F;
template <>
inline constexpr cudaDataType_t kDataType<bf16> = CUDA_R_16BF;
template <>
inline constexpr cudaDataType_t kDataType<f16> = CUDA_R_16F;

}  // namespace sluice::cuda
