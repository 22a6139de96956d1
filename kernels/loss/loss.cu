// Softmax and sigmoid cross-entropy: probabilities, losses and gradients in one kernel.
//
// Maths:   loss.h. With m the largest logit and z = sum e^(x-m): p_k = e^(x_k-m) / z and -log p_k =
//          log z - (x_k - m): nothing overflows. Binary: max(x, 0) - x t + log(1 + e^-|x|).
// Shapes:  logits, probabilities, dlogits [B,K]; labels, losses, hits [B].
// Grid:    a warp a row, 8 rows a block; lane l takes the classes l, l + 32, ...
// Bytes:   B K (2 a + s) (+ 4 B K for sigmoid's targets), s the size of T, a of what it is computed in; the
//          row's second and third reading of its logits come from the cache.
// Bound:   launch latency at a classifier's sizes; memory beyond.
// Sync:    none but the warp's shuffles, where all 32 lanes meet: whole warps leave early. The order of
//          additions is fixed by K alone.
#include <cmath>

#include "kernels/core/launch.cuh"
#include "kernels/core/reduce.cuh"
#include "kernels/core/vec.h"
#include "kernels/loss/loss.h"

namespace sluice::cuda {
namespace {

__device__ int64_t row_of_warp() {
  return static_cast<int64_t>(blockIdx.x) * kXentRows + threadIdx.y;
}

template <class A>
struct SoftmaxScalars {
  A share, peak, scale;  // of the target everywhere, at the label; of the gradient
};

// 4: Note [Blocks of an SM]
template <class T>
__global__ void __launch_bounds__(kWarp* kXentRows, 4)
    softmax_xent(SoftmaxXentParams<T> p, SoftmaxScalars<arithmetic_t<T>> c) {
  using A = arithmetic_t<T>;
  const int64_t b = row_of_warp(), K = p.logits.dims[1];
  if (b >= p.logits.dims[0]) return;
  const A* x = p.logits.row(b);
  A largest = x[0];
  for (int64_t k = threadIdx.x; k < K; k += kWarp) largest = Max{}(largest, x[k]);
  largest = warp_max(largest);
  const int32_t label = p.labels(b);
  const A of_label = x[label < 0 ? 0 : label];
  A sum = 0, sum_x = 0;
  bool missed = label < 0;
  for (int64_t k = threadIdx.x; k < K; k += kWarp) {
    const A above = x[k] - largest;
    sum += exp(above);
    sum_x += above;
    missed |= !(k < label ? x[k] < of_label : x[k] <= of_label);
  }
  sum = warp_sum(sum);
  sum_x = warp_sum(sum_x);
  const A scale = p.scale_now ? static_cast<A>(*p.scale_now) : c.scale;
  const A weight = label < 0 ? A(0) : p.class_weights ? p.class_weights(label) : A(1);
  if (p.losses && threadIdx.x == 0) {
    A loss = 0;
    if (label >= 0) loss = weight * (log(sum) - c.peak * (of_label - largest) - c.share * sum_x);
    p.losses(b) = loss;
  }
  missed = __any_sync(kWholeWarp, missed);
  if (p.hits && threadIdx.x == 0) p.hits(b) = !missed;
  for (int64_t k = threadIdx.x; k < K; k += kWarp) {
    const A y = exp(x[k] - largest) / sum;
    p.probabilities(b, k) = y;
    if (!p.dlogits) continue;
    const A gradient = scale * weight * (y - c.share - (k == label ? c.peak : A(0)));
    p.dlogits(b, k) = static_cast<T>(label < 0 ? A(0) : gradient);
  }
}

template <class T>
__global__ void __launch_bounds__(kWarp* kXentRows)
    sigmoid_xent(SigmoidXentParams<T> p, arithmetic_t<T> smoothing, arithmetic_t<T> scale) {
  using A = arithmetic_t<T>;
  const int64_t b = row_of_warp(), K = p.logits.dims[1];
  if (b >= p.logits.dims[0]) return;
  if (p.scale_now) scale = static_cast<A>(*p.scale_now);
  A loss = 0;
  bool missed = false;
  for (int64_t k = threadIdx.x; k < K; k += kWarp) {
    const A x = p.logits(b, k);
    const A weight = p.class_weights ? p.class_weights(k) : A(1);
    const A target = (1 - smoothing) * static_cast<A>(p.targets(b, k)) + smoothing / 2;
    missed |= (x > 0) != (p.targets(b, k) > 0.5f);
    const A small = exp(-fabs(x));  // cannot overflow
    const A lesser = small / (1 + small), y = x >= 0 ? 1 / (1 + small) : lesser;
    p.probabilities(b, k) = y;
    loss += weight * ((x > 0 ? x : x == x ? A(0) : x) - x * target + log1p(small));
    const A error = x >= 0 ? (1 - target) - lesser : lesser - target;  // y - target, uncancelled near 1
    if (p.dlogits) p.dlogits(b, k) = static_cast<T>(scale * weight * error);
  }
  loss = warp_sum(loss);
  missed = __any_sync(kWholeWarp, missed);
  if (threadIdx.x > 0) return;
  if (p.losses) p.losses(b) = loss;
  if (p.hits) p.hits(b) = !missed;
}

}  // namespace

template <class T>
void launch(const SoftmaxXentParams<T>& p, const Plan& plan, cudaStream_t stream) {
  using A = arithmetic_t<T>;
  const int64_t rows = p.logits.dims[0], K = p.logits.dims[1];
  if (rows == 0 || K == 0) return;
  const SoftmaxScalars<A> scalars = {static_cast<A>(p.smoothing / static_cast<double>(K)),
                                     static_cast<A>(1 - p.smoothing), static_cast<A>(p.scale)};
  launch_kernel("softmax_xent", softmax_xent<T>, plan, stream, p, scalars);
}

template <class T>
void launch(const SigmoidXentParams<T>& p, const Plan& plan, cudaStream_t stream) {
  using A = arithmetic_t<T>;
  const int64_t rows = p.logits.dims[0], K = p.logits.dims[1];
  if (rows == 0 || K == 0) return;
  launch_kernel("sigmoid_xent", sigmoid_xent<T>, plan, stream, p, static_cast<A>(p.smoothing),
                static_cast<A>(p.scale));
}

template void launch(const SoftmaxXentParams<float>&, const Plan&, cudaStream_t);
template void launch(const SoftmaxXentParams<double>&, const Plan&, cudaStream_t);
template void launch(const SoftmaxXentParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const SoftmaxXentParams<f16>&, const Plan&, cudaStream_t);
template void launch(const SigmoidXentParams<float>&, const Plan&, cudaStream_t);
template void launch(const SigmoidXentParams<double>&, const Plan&, cudaStream_t);
template void launch(const SigmoidXentParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const SigmoidXentParams<f16>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
