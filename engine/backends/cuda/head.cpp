// Verbs of a model's head: linear layers and losses.
#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/planned.h"
#include "engine/backends/cuda/sums.h"
#include "engine/backends/cuda/views.h"
#include "kernels/linear/linear.h"
#include "kernels/loss/loss.h"

namespace sluice::cuda {

// The product's epilogue adds the bias where its address suits cuBLASLt; else y = b, then += x W^T.
void CudaBackend::do_linear_forward(const LinearForward& p) {
  const int64_t M = p.x.dims[0], C = p.x.dims[1], K = p.W.dims[0];
  dispatch_stored(p.x.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    if (reinterpret_cast<uintptr_t>(p.b.data) % kBiasAlignment == 0) {
      main_.gemm(BiasedGemm<T, A>{
          .m = M, .n = K, .k = C, .x = p.x.as<T>(), .W = p.W.as<T>(), .b = p.b.as<A>(), .y = p.y.as<A>()});
      return;
    }
    launch_planned(main_, BiasParams<A>{.b = reading<A, 1>(p.b), .y = p.y.view<A, 2>()});
    main_.gemm(Gemm<T, A>{.transpose_b = true,
                          .m = M,
                          .n = K,
                          .k = C,
                          .a = p.x.as<T>(),
                          .lda = C,
                          .b = p.W.as<T>(),
                          .ldb = C,
                          .c = p.y.as<A>(),
                          .ldc = K,
                          .accumulate = true});
  });
}

void CudaBackend::do_linear_backward(const LinearBackward& p) {
  const int64_t M = p.x.dims[0], C = p.x.dims[1], K = p.W.dims[0];
  dispatch_stored(p.x.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    main_.gemm(Gemm<T, A>{.transpose_a = true,
                          .m = K,
                          .n = C,
                          .k = M,
                          .a = p.dy.as<T>(),
                          .lda = K,
                          .b = p.x.as<T>(),
                          .ldb = C,
                          .c = p.dW.as<A>(),
                          .ldc = C,
                          .accumulate = true});
    add_column_sums(main_, reading<T, 2>(p.dy), p.db.view<A, 1>());
    if (p.dx)
      main_.gemm(Gemm<T>{.m = M,
                         .n = C,
                         .k = K,
                         .a = p.dy.as<T>(),
                         .lda = K,
                         .b = p.W.as<T>(),
                         .ldb = C,
                         .c = p.dx.as<T>(),
                         .ldc = C});
  });
}

void CudaBackend::do_softmax_xent(const SoftmaxXent& p) {
  dispatch_stored(p.dlogits ? p.dlogits.dtype : p.logits.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    launch_planned(main_, SoftmaxXentParams<T>{.logits = reading<A, 2>(p.logits),
                                               .labels = reading<int32_t, 1>(p.labels),
                                               .class_weights = reading<A, 1>(p.class_weights),
                                               .smoothing = p.smoothing,
                                               .scale = p.scale,
                                               .scale_now = p.scale_now.as<double>(),
                                               .probabilities = p.probabilities.view<A, 2>(),
                                               .losses = p.losses.view<A, 1>(),
                                               .hits = p.hits.view<int32_t, 1>(),
                                               .dlogits = p.dlogits.view<T, 2>()});
  });
}

void CudaBackend::do_sigmoid_xent(const SigmoidXent& p) {
  dispatch_stored(p.dlogits ? p.dlogits.dtype : p.logits.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    launch_planned(main_, SigmoidXentParams<T>{.logits = reading<A, 2>(p.logits),
                                               .targets = reading<float, 2>(p.targets),
                                               .class_weights = reading<A, 1>(p.class_weights),
                                               .smoothing = p.smoothing,
                                               .scale = p.scale,
                                               .scale_now = p.scale_now.as<double>(),
                                               .probabilities = p.probabilities.view<A, 2>(),
                                               .losses = p.losses.view<A, 1>(),
                                               .hits = p.hits.view<int32_t, 1>(),
                                               .dlogits = p.dlogits.view<T, 2>()});
  });
}

}  // namespace sluice::cuda
