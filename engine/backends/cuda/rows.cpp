// Verbs on rows: batches, tables, pooling, batch normalisation, dropout.
#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/planned.h"
#include "engine/backends/cuda/views.h"
#include "kernels/batch/batch.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/dropout/dropout.h"
#include "kernels/embedding/embedding.h"
#include "kernels/pooling/pooling.h"

namespace sluice::cuda {

void CudaBackend::do_build_mask(const BuildMask& p) {
  launch(BuildMaskParams{reading<int32_t, 1>(p.lengths), p.mask.view<uint8_t, 2>()}, main_.stream());
}

namespace {

// f(From, To): `type` itself, or one of the two the type it is accumulated in.
template <class F>
void dispatch_widened(DType type, bool widened, const F& f) {
  dispatch_stored(type, [&]<class T>() {
    if (widened)
      f.template operator()<T, arithmetic_t<T>>();
    else
      f.template operator()<T, T>();
  });
}

}  // namespace

void CudaBackend::do_gather(const Gather& p) {
  dispatch_widened(p.y.dtype, p.table.dtype != p.y.dtype, [&]<class To, class From>() {
    launch(GatherParams<From, To>{reading<From, 2>(p.table), reading<int32_t, 1>(p.ids), p.y.view<To, 2>()},
           main_.stream());
  });
}

void CudaBackend::do_segment_sum(const SegmentSum& p) {
  dispatch_widened(p.x.dtype, p.x.dtype != p.y.dtype, [&]<class From, class To>() {
    launch(SegmentSumParams<From, To>{reading<From, 2>(p.x), reading<int32_t, 1>(p.segments),
                                      reading<int32_t, 1>(p.segment_rows), p.y.view<To, 2>()},
           main_.stream());
  });
}

void CudaBackend::do_scatter_add(const ScatterAdd& p) {
  dispatch_stored(p.x.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    launch(ScatterAddParams<T, A>{reading<T, 2>(p.x), reading<int32_t, 1>(p.slots), p.y.view<A, 2>()},
           main_.stream());
  });
}

namespace {

PoolKind kind_of(Pooling pooling) {
  switch (pooling) {
    case Pooling::last:
      return PoolKind::last;
    case Pooling::mean:
      return PoolKind::mean;
    case Pooling::max:
      return PoolKind::max;
    case Pooling::sqrtn:
      return PoolKind::sqrtn;
  }
  throw Failure("pooling of an unknown kind");
}

}  // namespace

void CudaBackend::do_pool_forward(const PoolForward& p) {
  dispatch_stored(p.x.dtype, [&]<class T>() {
    launch_planned(main_, PoolForwardParams<T>{.kind = kind_of(p.kind),
                                               .directions = p.directions,
                                               .offsets = reading<int32_t, 1>(p.batch->offsets),
                                               .lengths = reading<int32_t, 1>(p.batch->lengths),
                                               .x = reading<T, 2>(p.x),
                                               .y = p.y.view<T, 2>(),
                                               .column = p.column,
                                               .argmax = p.argmax.view<int32_t, 2>()});
  });
}

void CudaBackend::do_pool_backward(const PoolBackward& p) {
  const PoolForward& forward = p.forward;
  dispatch_stored(p.dx.dtype, [&]<class T>() {
    launch_planned(main_, PoolBackwardParams<T>{.kind = kind_of(forward.kind),
                                                .directions = forward.directions,
                                                .offsets = reading<int32_t, 1>(forward.batch->offsets),
                                                .lengths = reading<int32_t, 1>(forward.batch->lengths),
                                                .active = reading<int32_t, 1>(forward.batch->active),
                                                .argmax = reading<int32_t, 2>(forward.argmax),
                                                .dy = reading<T, 2>(p.dy),
                                                .column = forward.column,
                                                .dx = p.dx.view<T, 2>()});
  });
}

namespace {

// Columns' sums in parts.
View<double, 1> norm_workspace(Queue& queue, const Tensor& x) {
  const int64_t count = batch_norm_workspace(x.dims[0], x.dims[1]);
  return {.data = static_cast<double*>(queue.workspace(static_cast<size_t>(count) * sizeof(double))),
          .dims = {count}};
}

// Packed batches have no padding to look for.
RowPlaces padded_places(const Batch* batch) {
  return batch && batch->layout != Layout::packed ? places_of(*batch) : RowPlaces{};
}

}  // namespace

void CudaBackend::do_batch_norm_forward(const BatchNormForward& p) {
  dispatch_stored(p.x.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    launch_planned(main_, BatchNormForwardParams<T>{.places = padded_places(p.batch),
                                                    .training = p.training,
                                                    .epsilon = p.epsilon,
                                                    .momentum = p.momentum,
                                                    .x = reading<T, 2>(p.x),
                                                    .gamma = reading<A, 1>(p.gamma),
                                                    .beta = reading<A, 1>(p.beta),
                                                    .running_mean = p.running_mean.view<A, 1>(),
                                                    .running_variance = p.running_var.view<A, 1>(),
                                                    .mean = p.mean.view<A, 1>(),
                                                    .inverse_std = p.inverse_std.view<A, 1>(),
                                                    .y = p.y.view<T, 2>(),
                                                    .workspace = norm_workspace(main_, p.x)});
  });
}

void CudaBackend::do_batch_norm_backward(const BatchNormBackward& p) {
  const BatchNormForward& forward = p.forward;
  dispatch_stored(forward.x.dtype, [&]<class T>() {
    using A = arithmetic_t<T>;
    launch_planned(main_, BatchNormBackwardParams<T>{.places = padded_places(forward.batch),
                                                     .training = forward.training,
                                                     .x = reading<T, 2>(forward.x),
                                                     .dy = reading<T, 2>(p.dy),
                                                     .gamma = reading<A, 1>(forward.gamma),
                                                     .mean = reading<A, 1>(forward.mean),
                                                     .inverse_std = reading<A, 1>(forward.inverse_std),
                                                     .dx = p.dx.view<T, 2>(),
                                                     .dgamma = p.dgamma.view<A, 1>(),
                                                     .dbeta = p.dbeta.view<A, 1>(),
                                                     .workspace = norm_workspace(main_, forward.x)});
  });
}

void CudaBackend::do_dropout(const Dropout& p) {
  dispatch_stored(p.x.dtype, [&]<class T>() {
    launch(DropoutParams<T>{.places = places_of(p.batch),
                            .p = p.p,
                            .masks = p.masks,
                            .x = reading<T, 2>(p.x),
                            .y = p.y.view<T, 2>()},
           main_.stream());
  });
}

}  // namespace sluice::cuda
