// Matrix products by cuBLAS, which is loaded when the first handle is made: a program that uses no GPU starts
// without it. Its types stay in cublas.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/core/arithmetic.h"
#include "kernels/core/stream.h"

struct cublasContext;

namespace sluice::cuda {

// C[m,n] = op(A) op(B), or += where `accumulate`; row-major, op(A) [m,k] is A or, transposed, A^T with A
// [k,m]. Products of 16 bits are summed in f32.
template <class T, class Out = T>
struct Gemm {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t lda = 0;
  const T* b = nullptr;
  int64_t ldb = 0;
  Out* c = nullptr;
  int64_t ldc = 0;
  bool accumulate = false;
};

// Why cuBLAS cannot be used: it is not there, or another version. Empty when it can.
std::string no_cublas_because();

// A handle for one stream. Every call throws Failure naming cuBLAS's call and its status.
class Cublas {
 public:
  Cublas() = default;
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  // Makes the handle, as the first product would.
  void open(cudaStream_t);
  // T, Out: float or double, bf16 or f16, or f32 out of the last two. In IEEE f32 (no TF32) or f64.
  template <class T, class Out>
  void gemm(cudaStream_t, const Gemm<T, Out>&);

 private:
  cublasContext* handle_ = nullptr;
};

}  // namespace sluice::cuda
