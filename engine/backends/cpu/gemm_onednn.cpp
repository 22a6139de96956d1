#include <dnnl.h>

#include "engine/backends/cpu/gemm.h"
#include "engine/error.h"

namespace sluice::cpu {

void gemm(const Gemm<float>& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {
    for (int64_t i = 0; i < g.m && !g.accumulate; ++i)
      for (int64_t j = 0; j < g.n; ++j) g.c[i * g.ldc + j] = 0;
    return;
  }
  const dnnl_status_t status =
      dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k, 1.0f, g.a, g.lda, g.b,
                 g.ldb, g.accumulate ? 1.0f : 0.0f, g.c, g.ldc);
  SLUICE_CHECK(status == dnnl_success, "oneDNN's sgemm of {}x{}x{} failed with status {}", g.m, g.n, g.k,
               static_cast<int>(status));
}

}  // namespace sluice::cpu
