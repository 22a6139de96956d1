// Matrix products whose bias cuBLASLt adds in the product's epilogue. Loaded when first needed; its types
// stay in cublas_lt.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/core/arithmetic.h"
#include "kernels/core/stream.h"

struct cublasLtContext;

namespace sluice::cuda {

// y[m,n] = x W^T + b, row-major and dense. Products of 16 bits are summed in f32.
template <class T, class Out>
struct BiasedGemm {
  int64_t m = 0, n = 0, k = 0;
  const T* x = nullptr;    // [m,k]
  const T* W = nullptr;    // [n,k]
  const Out* b = nullptr;  // [n], aligned to kBiasAlignment
  Out* y = nullptr;        // [m,n]
};

// What the epilogue wants of the bias' address.
constexpr uintptr_t kBiasAlignment = 16;

// Why cuBLASLt cannot be used: it is not there, or another version. Empty when it can.
std::string no_cublas_lt_because();

// Every call throws Failure naming cuBLASLt's call and its status.
class CublasLt {
 public:
  CublasLt() = default;
  ~CublasLt();
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  // T, Out: float or double, or f32 out of bf16 or f16. In IEEE f32 (no TF32) or f64, by the algorithm that
  // cuBLASLt thinks best of those that split no sum over blocks and need no workspace.
  template <class T, class Out>
  void gemm(cudaStream_t, const BiasedGemm<T, Out>&);

 private:
  cublasLtContext* handle_ = nullptr;
};

}  // namespace sluice::cuda
