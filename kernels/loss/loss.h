// Cross-entropies fused with their gradients. Only the gradients are stored in T; all else has the type A
// that T is computed in.
#pragma once

#include <cstdint>

#include "kernels/core/arithmetic.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// Target of row b: (1 - smoothing) at labels[b] plus smoothing / K everywhere. losses[b] =
// weight[labels[b]] * cross-entropy; dlogits = scale * d(sum of losses)/d logits. Label -1: both are 0.
template <class T>
struct SoftmaxXentParams {
  using A = arithmetic_t<T>;
  View<const A, 2> logits;         // [B,K]
  View<const int32_t, 1> labels;   // [B]
  View<const A, 1> class_weights;  // [K] or null (ones)
  double smoothing = 0, scale = 1;
  const double* scale_now = nullptr;  // where the scale is kept in place of `scale`, or null
  View<A, 2> probabilities;           // [B,K] =
  View<A, 1> losses;                  // [B] = or null
  View<int32_t, 1> hits;  // [B] = or null: 1 where the largest logit (ties: the first) is the label's
  View<T, 2> dlogits;     // [B,K] = or null
};

// losses[b] = sum_k weight[k] * binary cross-entropy(logit, target); the target is (1 - smoothing) t +
// smoothing / 2.
template <class T>
struct SigmoidXentParams {
  using A = arithmetic_t<T>;
  View<const A, 2> logits;         // [B,K]
  View<const float, 2> targets;    // [B,K]
  View<const A, 1> class_weights;  // [K] or null (ones)
  double smoothing = 0, scale = 1;
  const double* scale_now = nullptr;  // where the scale is kept in place of `scale`, or null
  View<A, 2> probabilities;           // [B,K] =
  View<A, 1> losses;                  // [B] = or null
  View<int32_t, 1> hits;  // [B] = or null: 1 where the logits above 0 are those of targets above 1/2
  View<T, 2> dlogits;     // [B,K] = or null
};

constexpr int kXentRows = 8;  // of a block, a warp each
PlanResult plan_xent(int64_t rows, const DeviceProps&);

template <class T>
PlanResult plan(const SoftmaxXentParams<T>& p, const DeviceProps& device) {
  return plan_xent(p.logits.dims[0], device);
}
template <class T>
PlanResult plan(const SigmoidXentParams<T>& p, const DeviceProps& device) {
  return plan_xent(p.logits.dims[0], device);
}

template <class T>
void launch(const SoftmaxXentParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch(const SigmoidXentParams<T>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
