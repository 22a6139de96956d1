#include "engine/backends/cuda/rnn_plan.h"

#include <algorithm>

#include "engine/backends/cuda/rnn_step.h"

namespace sluice::cuda {

RnnSize rnn_size(const RnnShape& shape, const MaxShape& max) {
  const CellTraits cell = traits_of(shape.cell);
  return {.B = max.sequences,
          .T = max.steps,
          .N = max.rows,
          .U = max.distinct,
          .E = shape.input_size,
          .H = shape.hidden_size,
          .D = shape.directions,
          .G = int64_t{cell.gates} * shape.hidden_size,
          .S = int64_t{cell.saved} * shape.hidden_size,
          .two_states = cell.states == 2,
          .layer_norm = shape.layer_norm};
}

RnnSize rnn_size(const RnnForward& p) {
  const Batch& batch = *p.batch;
  const int distinct = p.x_index ? static_cast<int>(p.x.dims[0]) : 0;
  return rnn_size(p.shape, {batch.sequences, batch.steps, batch.rows, distinct});
}

template <class T>
RnnSaved<T>::RnnSaved(Carver& carver, const RnnSize& s)
    : slots(carver.take<T>(s.D * s.N * s.S)), c(carver.take<A>(s.two_states ? s.D * s.N * s.H : 0)) {
  const int64_t rows = s.layer_norm ? s.D * s.N : 0;  // distinct inputs are no more
  x_hat = carver.take<T>(rows * s.G);
  h_hat = carver.take<T>(rows * s.G);
  x_inverse = carver.take<A>(rows);
  h_inverse = carver.take<A>(rows);
  c_mean = carver.take<A>(s.two_states ? rows : 0);
  c_inverse = carver.take<A>(s.two_states ? rows : 0);
}

template <class T>
ForwardScratch<T>::ForwardScratch(Carver& carver, const RnnSize& s)
    : x_product(carver.take<T>(s.D * s.U * s.G)),
      h(carver.take<A>(s.D * s.B * s.H)),
      c(carver.take<A>(s.two_states ? s.D * s.B * s.H : 0)),
      h_operand(carver.take<T>(s.D * s.B * s.H)),
      h_pre(carver.take<A>(s.D * s.B * s.G)) {}

template <class T>
BackwardScratch<T>::BackwardScratch(Carver& carver, const RnnSize& s)
    : dh(carver.take<A>(s.D * s.B * s.H)),
      dc(carver.take<A>(s.two_states ? s.D * s.B * s.H : 0)),
      dh_later(carver.take<A>(s.D * s.B * s.H)),
      h_before(carver.take<T>(s.D * s.N * s.H)),
      d_recurrent(carver.take<A>(s.layer_norm ? s.D * s.B * s.G : 0)),
      d_cell(carver.take<A>(s.layer_norm && s.two_states ? s.D * s.B * s.H : 0)),
      d_cell_bias(carver.take<A>(s.layer_norm && s.two_states ? s.D * s.B * s.H : 0)),
      distinct_sum(carver.take<T>(s.D * s.U * s.S)) {}

RnnBytes rnn_step_bytes(const RnnShape& shape, const MaxShape& max) {
  const RnnSize size = rnn_size(shape, max);
  return dispatch_stored(shape.dtype, [&]<class T>() {
    Carver saved(nullptr), forward(nullptr), backward(nullptr);
    static_cast<void>(RnnSaved<T>(saved, size));
    static_cast<void>(ForwardScratch<T>(forward, size));
    static_cast<void>(BackwardScratch<T>(backward, size));
    return RnnBytes{saved.used(), std::max(forward.used(), backward.used())};
  });
}

namespace {

template <class T>
ZoneoutMask<T> zoneout(double p, const StepInfo& step, uint32_t site) {
  return {.stream = step.masks(site),
          .threshold = step.training ? drop_threshold(p) : 0,
          .share = static_cast<T>(p)};
}

}  // namespace

template <class T>
StepMasks<T> step_masks(const RnnForward& p, int64_t direction) {
  const RnnShape& shape = p.shape;
  const uint32_t site = shape.site + 3 * static_cast<uint32_t>(direction);
  StepMasks<T> masks;
  masks.dropout = shape.recurrent_dropout > 0 && p.step.training;
  masks.zoneout = shape.zoneout_hidden > 0 || shape.zoneout_cell > 0;
  if (masks.dropout)
    masks.recurrent = {.stream = p.step.masks(site),
                       .threshold = drop_threshold(shape.recurrent_dropout),
                       .scale = static_cast<T>(1 / (1 - shape.recurrent_dropout))};
  masks.hidden = zoneout<T>(shape.zoneout_hidden, p.step, site + 1);
  masks.cell = zoneout<T>(shape.zoneout_cell, p.step, site + 2);
  return masks;
}

template struct RnnSaved<float>;
template struct RnnSaved<double>;
template struct RnnSaved<bf16>;
template struct RnnSaved<f16>;
template struct ForwardScratch<float>;
template struct ForwardScratch<double>;
template struct ForwardScratch<bf16>;
template struct ForwardScratch<f16>;
template struct BackwardScratch<float>;
template struct BackwardScratch<double>;
template struct BackwardScratch<bf16>;
template struct BackwardScratch<f16>;
template StepMasks<float> step_masks(const RnnForward&, int64_t);
template StepMasks<double> step_masks(const RnnForward&, int64_t);

}  // namespace sluice::cuda
