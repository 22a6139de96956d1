#include "engine/backends/cuda/cublas.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <limits>
#include <string>

#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {
namespace {

class Library {
 public:
  Library() {
    const std::string name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* library = nullptr;
    std::string because;
    for (const std::string& path : {name, "/usr/local/cuda/lib64/" + name}) {
      if ((library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))) break;
      if (because.empty()) because = dlerror();
    }
    if (!library)
      throw Failure("--device cuda needs cuBLAS {} of the CUDA toolkit: {}", CUBLAS_VER_MAJOR, because);
    find(library, "cublasCreate_v2", create);
    find(library, "cublasDestroy_v2", destroy);
    find(library, "cublasSetStream_v2", set_stream);
    find(library, "cublasSgemm_v2", sgemm);
    find(library, "cublasDgemm_v2", dgemm);
    find(library, "cublasGetStatusName", status_name);
  }

  // By the first who needs it; stays for good.
  static const Library& get() {
    static const Library library;
    return library;
  }

  void check(const char* call, cublasStatus_t status) const {
    if (status != CUBLAS_STATUS_SUCCESS) throw Failure("{}: {}", call, status_name(status));
  }

  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSgemm_v2) sgemm = nullptr;
  decltype(&cublasDgemm_v2) dgemm = nullptr;
  decltype(&cublasGetStatusName) status_name = nullptr;

 private:
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function) throw Failure("this cuBLAS has no {}: install CUDA {}'s", name, CUBLAS_VER_MAJOR);
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

}  // namespace

Cublas::~Cublas() {
  if (handle_) Library::get().destroy(handle_);
}

// cuBLAS is column-major: what it sees of row-major matrices are their transposes, so C^T = op(B)^T op(A)^T.
template <class T, class Call>
void Cublas::run(cudaStream_t stream, const Gemm<T>& g, Call call, const char* name) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {  // an empty sum
    if (!g.accumulate)
      check_cuda("cudaMemset2DAsync",
                 cudaMemset2DAsync(g.c, static_cast<size_t>(g.ldc) * sizeof(T), 0,
                                   static_cast<size_t>(g.n) * sizeof(T), static_cast<size_t>(g.m), stream));
    return;
  }
  const Library& library = Library::get();
  if (!handle_) {
    library.check("cublasCreate", library.create(&handle_));
    library.check("cublasSetStream", library.set_stream(handle_, stream));
  }
  const T alpha = 1, beta = g.accumulate ? T(1) : T(0);
  library.check(name,
                call(handle_, operation(g.transpose_b), operation(g.transpose_a), as_int(g.n), as_int(g.m),
                     as_int(g.k), &alpha, g.b, as_int(g.ldb), g.a, as_int(g.lda), &beta, g.c, as_int(g.ldc)));
}

void Cublas::gemm(cudaStream_t stream, const Gemm<float>& g) {
  run(stream, g, Library::get().sgemm, "cublasSgemm");
}

void Cublas::gemm(cudaStream_t stream, const Gemm<double>& g) {
  run(stream, g, Library::get().dgemm, "cublasDgemm");
}

}  // namespace sluice::cuda
