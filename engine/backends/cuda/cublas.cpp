#include "engine/backends/cuda/cublas.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <limits>
#include <string>
#include <type_traits>

#include "engine/backends/cuda/data_type.h"
#include "engine/backends/cuda/shared_library.h"
#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {
namespace {

class CublasLibrary {
 public:
  CublasLibrary() {
    std::string because;
    void* library = load_library("libcublas.so." + std::to_string(CUBLAS_VER_MAJOR), because);
    if (!library)
      throw Failure("cuBLAS {} of the CUDA toolkit cannot be loaded ({})", CUBLAS_VER_MAJOR, because);
    find(library, "cublasCreate_v2", create);
    find(library, "cublasDestroy_v2", destroy);
    find(library, "cublasSetStream_v2", set_stream);
    find(library, "cublasSetMathMode", set_math_mode);
    find(library, "cublasSgemm_v2", sgemm);
    find(library, "cublasDgemm_v2", dgemm);
    find(library, "cublasGemmEx", gemm_ex);
    find(library, "cublasGetStatusName", status_name);
  }

  // By the first who needs it; stays for good.
  static const CublasLibrary& get() {
    static const CublasLibrary library;
    return library;
  }

  void check(const char* call, cublasStatus_t status) const {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    const bool memory = status == CUBLAS_STATUS_ALLOC_FAILED;
    throw Failure("{}: {}{}", call, status_name(status),
                  memory ? ": the GPU's memory is full; make batch.tokens or the model smaller" : "");
  }

  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSetMathMode) set_math_mode = nullptr;
  decltype(&cublasSgemm_v2) sgemm = nullptr;
  decltype(&cublasDgemm_v2) dgemm = nullptr;
  // Spelt out: cublasGemmEx is overloaded.
  cublasStatus_t (*gemm_ex)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k,
                            const void* alpha, const void* a, cudaDataType_t, int lda, const void* b,
                            cudaDataType_t, int ldb, const void* beta, void* c, cudaDataType_t, int ldc,
                            cublasComputeType_t, cublasGemmAlgo_t) = nullptr;
  decltype(&cublasGetStatusName) status_name = nullptr;

 private:
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    cuda::find(library, "cuBLAS", CUBLAS_VER_MAJOR, name, function);
  }
};

int as_int(int64_t value) {
  SLUICE_CHECK(value <= std::numeric_limits<int>::max(),
               "a matrix product of size {}: more than cuBLAS takes", value);
  return static_cast<int>(value);
}

cublasOperation_t operation(bool transpose) {
  return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
}

cublasStatus_t call(const CublasLibrary& library, cublasHandle_t handle, cublasOperation_t a,
                    cublasOperation_t b, int m, int n, int k, const Gemm<float>& g, int ldb, int lda,
                    int ldc) {
  const float alpha = 1, beta = g.accumulate ? 1 : 0;
  return library.sgemm(handle, a, b, m, n, k, &alpha, g.b, ldb, g.a, lda, &beta, g.c, ldc);
}

cublasStatus_t call(const CublasLibrary& library, cublasHandle_t handle, cublasOperation_t a,
                    cublasOperation_t b, int m, int n, int k, const Gemm<double>& g, int ldb, int lda,
                    int ldc) {
  const double alpha = 1, beta = g.accumulate ? 1 : 0;
  return library.dgemm(handle, a, b, m, n, k, &alpha, g.b, ldb, g.a, lda, &beta, g.c, ldc);
}

template <class T, class Out>
cublasStatus_t call(const CublasLibrary& library, cublasHandle_t handle, cublasOperation_t a,
                    cublasOperation_t b, int m, int n, int k, const Gemm<T, Out>& g, int ldb, int lda,
                    int ldc) {
  const float alpha = 1, beta = g.accumulate ? 1 : 0;
  return library.gemm_ex(handle, a, b, m, n, k, &alpha, g.b, kDataType<T>, ldb, g.a, kDataType<T>, lda, &beta,
                         g.c, kDataType<Out>, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

}  // namespace

std::string no_cublas_because() {
  try {
    CublasLibrary::get();
    return {};
  } catch (const Failure& failure) {
    return failure.what();
  }
}

void Cublas::open(cudaStream_t stream) {
  if (handle_) return;
  const CublasLibrary& library = CublasLibrary::get();
  library.check("cublasCreate", library.create(&handle_));
  library.check("cublasSetStream", library.set_stream(handle_, stream));
  // Parts of a sum that is split over blocks meet in f32, whatever is stored.
  library.check("cublasSetMathMode",
                library.set_math_mode(
                    handle_, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH |
                                                       CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
}

Cublas::~Cublas() {
  if (handle_) CublasLibrary::get().destroy(handle_);
}

// cuBLAS is column-major: what it sees of row-major matrices are their transposes, so C^T = op(B)^T op(A)^T.
template <class T, class Out>
void Cublas::gemm(cudaStream_t stream, const Gemm<T, Out>& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {  // an empty sum
    if (!g.accumulate)
      check_cuda("cudaMemset2DAsync",
                 cudaMemset2DAsync(g.c, static_cast<size_t>(g.ldc) * sizeof(Out), 0,
                                   static_cast<size_t>(g.n) * sizeof(Out), static_cast<size_t>(g.m), stream));
    return;
  }
  open(stream);
  const CublasLibrary& library = CublasLibrary::get();
  library.check(std::is_same_v<T, float>    ? "cublasSgemm"
                : std::is_same_v<T, double> ? "cublasDgemm"
                                            : "cublasGemmEx",
                call(library, handle_, operation(g.transpose_b), operation(g.transpose_a), as_int(g.n),
                     as_int(g.m), as_int(g.k), g, as_int(g.ldb), as_int(g.lda), as_int(g.ldc)));
}

template void Cublas::gemm(cudaStream_t, const Gemm<float>&);
template void Cublas::gemm(cudaStream_t, const Gemm<double>&);
template void Cublas::gemm(cudaStream_t, const Gemm<bf16>&);
template void Cublas::gemm(cudaStream_t, const Gemm<bf16, float>&);
template void Cublas::gemm(cudaStream_t, const Gemm<f16>&);
template void Cublas::gemm(cudaStream_t, const Gemm<f16, float>&);

}  // namespace sluice::cuda
