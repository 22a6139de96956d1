#include "engine/backends/cuda/cublas_lt.h"

#include <cublasLt.h>

#include <algorithm>

#include "engine/backends/cuda/data_type.h"
#include "engine/backends/cuda/shared_library.h"
#include "engine/error.h"

namespace sluice::cuda {
namespace {

class CublasLtLibrary {
 public:
  CublasLtLibrary() {
    std::string because;
    void* library = load_library("libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR), because);
    if (!library)
      throw Failure("cuBLASLt {} of the CUDA toolkit cannot be loaded ({})", CUBLAS_VER_MAJOR, because);
    find(library, "cublasLtCreate", create);
    find(library, "cublasLtDestroy", destroy);
    find(library, "cublasLtMatmulDescCreate", create_product);
    find(library, "cublasLtMatmulDescDestroy", destroy_product);
    find(library, "cublasLtMatmulDescSetAttribute", set_product);
    find(library, "cublasLtMatrixLayoutCreate", create_layout);
    find(library, "cublasLtMatrixLayoutDestroy", destroy_layout);
    find(library, "cublasLtMatmulPreferenceCreate", create_preference);
    find(library, "cublasLtMatmulPreferenceDestroy", destroy_preference);
    find(library, "cublasLtMatmulPreferenceSetAttribute", set_preference);
    find(library, "cublasLtMatmulAlgoGetHeuristic", get_heuristic);
    find(library, "cublasLtMatmul", matmul);
    find(library, "cublasLtGetStatusName", status_name);
  }

  // By the first who needs it; stays for good.
  static const CublasLtLibrary& get() {
    static const CublasLtLibrary library;
    return library;
  }

  void check(const char* call, cublasStatus_t status) const {
    if (status != CUBLAS_STATUS_SUCCESS) throw Failure("{}: {}", call, status_name(status));
  }

  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescCreate) create_product = nullptr;
  decltype(&cublasLtMatmulDescDestroy) destroy_product = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_product = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) create_layout = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) get_heuristic = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtGetStatusName) status_name = nullptr;

 private:
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    cuda::find(library, "cuBLASLt", CUBLAS_VER_MAJOR, name, function);
  }
};

// What the bytes at `data` are aligned to, as far as cuBLASLt asks.
uint32_t alignment(const void* data) {
  constexpr uintptr_t kMost = 256;
  const auto address = reinterpret_cast<uintptr_t>(data);
  return static_cast<uint32_t>(std::min(kMost, address & (~address + 1)));
}

// cuBLASLt's description of a product, column-major: what it sees of row-major matrices are their transposes,
// so y^T [n,m] = W x^T, and b goes down each column.
class Product {
 public:
  template <class T, class Out>
  Product(const CublasLtLibrary& library, const BiasedGemm<T, Out>& p) : Product(library) {
    constexpr bool kDouble = sizeof(Out) == sizeof(double);
    check(
        "cublasLtMatmulDescCreate",
        library.create_product(&product_, kDouble ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, kDataType<Out>));
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.b);
    const auto m = static_cast<uint64_t>(p.m), n = static_cast<uint64_t>(p.n), k = static_cast<uint64_t>(p.k);
    lay_out(W_, kDataType<T>, k, n);
    lay_out(x_, kDataType<T>, k, m);
    lay_out(y_, kDataType<Out>, n, m);
    check("cublasLtMatmulPreferenceCreate", library.create_preference(&preference_));
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, size_t{0});
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE});
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p.W));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p.x));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p.y));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p.y));
  }
  ~Product() {
    if (preference_) library_.destroy_preference(preference_);
    for (cublasLtMatrixLayout_t matrix : {W_, x_, y_})
      if (matrix) library_.destroy_layout(matrix);
    if (product_) library_.destroy_product(product_);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  template <class T, class Out>
  void run(cublasLtHandle_t handle, cudaStream_t stream, const BiasedGemm<T, Out>& p) const {
    cublasLtMatmulHeuristicResult_t best = {};
    int found = 0;
    check("cublasLtMatmulAlgoGetHeuristic",
          library_.get_heuristic(handle, product_, W_, x_, y_, y_, preference_, 1, &best, &found));
    if (found == 0) check("cublasLtMatmulAlgoGetHeuristic", CUBLAS_STATUS_NOT_SUPPORTED);
    const Out one = 1, zero = 0;
    check("cublasLtMatmul", library_.matmul(handle, product_, &one, p.W, W_, p.x, x_, &zero, p.y, y_, p.y, y_,
                                            &best.algo, nullptr, 0, stream));
  }

 private:
  explicit Product(const CublasLtLibrary& library) : library_(library) {}

  void check(const char* call, cublasStatus_t status) const { library_.check(call, status); }
  template <class V>
  void set(cublasLtMatmulDescAttributes_t attribute, const V& value) {
    check("cublasLtMatmulDescSetAttribute", library_.set_product(product_, attribute, &value, sizeof value));
  }
  template <class V>
  void prefer(cublasLtMatmulPreferenceAttributes_t attribute, const V& value) {
    check("cublasLtMatmulPreferenceSetAttribute",
          library_.set_preference(preference_, attribute, &value, sizeof value));
  }
  void lay_out(cublasLtMatrixLayout_t& matrix, cudaDataType_t type, uint64_t rows, uint64_t columns) const {
    check("cublasLtMatrixLayoutCreate",
          library_.create_layout(&matrix, type, rows, columns, static_cast<int64_t>(rows)));
  }

  const CublasLtLibrary& library_;
  cublasLtMatmulDesc_t product_ = nullptr;
  cublasLtMatrixLayout_t W_ = nullptr, x_ = nullptr, y_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

std::string no_cublas_lt_because() {
  try {
    CublasLtLibrary::get();
    return {};
  } catch (const Failure& failure) {
    return failure.what();
  }
}

CublasLt::~CublasLt() {
  if (handle_) CublasLtLibrary::get().destroy(handle_);
}

template <class T, class Out>
void CublasLt::gemm(cudaStream_t stream, const BiasedGemm<T, Out>& p) {
  if (p.m == 0 || p.n == 0) return;
  const CublasLtLibrary& library = CublasLtLibrary::get();
  if (!handle_) library.check("cublasLtCreate", library.create(&handle_));
  Product(library, p).run(handle_, stream, p);
}

template void CublasLt::gemm(cudaStream_t, const BiasedGemm<float, float>&);
template void CublasLt::gemm(cudaStream_t, const BiasedGemm<double, double>&);
template void CublasLt::gemm(cudaStream_t, const BiasedGemm<bf16, float>&);
template void CublasLt::gemm(cudaStream_t, const BiasedGemm<f16, float>&);

}  // namespace sluice::cuda
