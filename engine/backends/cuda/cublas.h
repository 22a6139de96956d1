// Matrix products by cuBLAS, which is loaded when the first one is asked for: a program that never multiplies
// on a GPU starts without it. Its types stay in cublas.cpp.
#pragma once

#include <cstdint>

#include "kernels/core/stream.h"

struct cublasContext;

namespace sluice::cuda {

// C[m,n] = op(A) op(B), or += where `accumulate`; row-major, op(A) [m,k] is A or, transposed, A^T with A
// [k,m].
template <class T>
struct Gemm {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t lda = 0;
  const T* b = nullptr;
  int64_t ldb = 0;
  T* c = nullptr;
  int64_t ldc = 0;
  bool accumulate = false;
};

class Cublas {
 public:
  Cublas() = default;
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  // In IEEE f32 (no TF32) or f64. Throws Failure naming the call and cuBLAS's status.
  void gemm(cudaStream_t, const Gemm<float>&);
  void gemm(cudaStream_t, const Gemm<double>&);

 private:
  template <class T, class Call>
  void run(cudaStream_t, const Gemm<T>&, Call call, const char* name);
  cublasContext* handle_ = nullptr;
};

}  // namespace sluice::cuda
