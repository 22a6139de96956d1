// Verbs of clipping and of the optimisers.
#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/views.h"
#include "kernels/optim/average.h"
#include "kernels/optim/clip.h"
#include "kernels/optim/convert.h"
#include "kernels/optim/optim.h"

namespace sluice::cuda {
namespace {

AdamScalars scalars_of(const AdamConfig& c) {
  return {.learning_rate = c.learning_rate,
          .beta1 = c.beta1,
          .beta2 = c.beta2,
          .epsilon = c.epsilon,
          .weight_decay = c.weight_decay,
          .decoupled = c.decoupled,
          .step = c.step,
          .idle_beta1 = c.keep_idle ? 1 : c.beta1,
          .idle_beta2 = c.keep_idle ? 1 : c.beta2};
}

SgdScalars scalars_of(const SgdConfig& c) {
  return {.learning_rate = c.learning_rate,
          .momentum = c.momentum,
          .weight_decay = c.weight_decay,
          .nesterov = c.nesterov,
          .step = c.step,
          .idle_momentum = c.keep_idle ? 1 : c.momentum};
}

const UpdateNumbers* numbers_at(const Tensor& now) {
  return static_cast<const UpdateNumbers*>(now.data);
}

}  // namespace

void CudaBackend::do_convert(const Convert& p) {
  const auto to = [&]<class T>() {
    launch(ConvertParams<T>{.from = reading<float, 1>(flat(p.from)), .to = flat(p.to).view<T, 1>()},
           main_.stream());
  };
  p.to.dtype == DType::bf16 ? to.template operator()<bf16>() : to.template operator()<f16>();
}

void CudaBackend::do_sum_squares(const SumSquares& p) {
  const int64_t partials = sum_squares_partials(p.x.size());
  auto* workspace = static_cast<double*>(main_.workspace(static_cast<size_t>(partials) * sizeof(double)));
  dispatch_real(p.x.dtype, [&]<class T>() {
    launch(SumSquaresParams<T>{.x = reading<T, 1>(flat(p.x)),
                               .partials = {.data = workspace, .dims = {partials}},
                               .out = p.out.view<double, 1>()},
           main_.stream());
  });
}

void CudaBackend::do_clip_scale(const ClipScale& p) {
  launch(ClipScaleParams{.sum_squares = reading<double, 1>(p.sum_squares),
                         .max_norm = p.max_norm,
                         .loss_scale = reading<double, 1>(p.loss_scale),
                         .scale = p.scale.view<double, 1>()},
         main_.stream());
}

void CudaBackend::do_clip_value(const ClipValue& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    launch(
        ClipValueParams<T>{
            .x = flat(p.x).view<T, 1>(), .limit = p.limit, .loss_scale = reading<double, 1>(p.loss_scale)},
        main_.stream());
  });
}

void CudaBackend::do_average(const Average& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    launch(
        AverageParams<T>{
            .x = reading<T, 1>(flat(p.x)), .average = flat(p.average).view<T, 1>(), .share = p.share},
        main_.stream());
  });
}

void CudaBackend::do_adam(const Adam& p) {
  dispatch_real(p.w.dtype, [&]<class T>() {
    launch(AdamParams<T>{.scalars = scalars_of(p.config),
                         .w = flat(p.w).view<T, 1>(),
                         .g = reading<T, 1>(flat(p.g)),
                         .m = flat(p.m).view<T, 1>(),
                         .v = flat(p.v).view<T, 1>(),
                         .scale = reading<double, 1>(p.scale),
                         .now = numbers_at(p.now)},
           main_.stream());
  });
}

void CudaBackend::do_adam_rows(const AdamRows& p) {
  dispatch_real(p.w.dtype, [&]<class T>() {
    launch(AdamRowsParams<T>{.scalars = scalars_of(p.config),
                             .ids = reading<int32_t, 1>(p.ids),
                             .g = reading<T, 2>(p.g),
                             .w = p.w.view<T, 2>(),
                             .m = p.m.view<T, 2>(),
                             .v = p.v.view<T, 2>(),
                             .touched = p.touched.view<int32_t, 1>(),
                             .scale = reading<double, 1>(p.scale),
                             .now = numbers_at(p.now)},
           main_.stream());
  });
}

void CudaBackend::do_sgd(const Sgd& p) {
  dispatch_real(p.w.dtype, [&]<class T>() {
    launch(SgdParams<T>{.scalars = scalars_of(p.config),
                        .w = flat(p.w).view<T, 1>(),
                        .g = reading<T, 1>(flat(p.g)),
                        .m = flat(p.m).view<T, 1>(),
                        .scale = reading<double, 1>(p.scale),
                        .now = numbers_at(p.now)},
           main_.stream());
  });
}

void CudaBackend::do_sgd_rows(const SgdRows& p) {
  dispatch_real(p.w.dtype, [&]<class T>() {
    launch(SgdRowsParams<T>{.scalars = scalars_of(p.config),
                            .ids = reading<int32_t, 1>(p.ids),
                            .g = reading<T, 2>(p.g),
                            .w = p.w.view<T, 2>(),
                            .m = p.m.view<T, 2>(),
                            .touched = p.touched.view<int32_t, 1>(),
                            .scale = reading<double, 1>(p.scale),
                            .now = numbers_at(p.now)},
           main_.stream());
  });
}

}  // namespace sluice::cuda
