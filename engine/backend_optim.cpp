// The verbs of clipping and of optimisers.
#include "engine/backend.h"
#include "engine/checks.h"
#include "engine/verb_at_work.h"
#include "kernels/optim/optim.h"

namespace sluice {

using checks::accumulator;
using checks::kAny;
using checks::optional;
using checks::real;
using checks::same;
using checks::shape;

void Backend::convert(const Convert& a) {
  const Verb verb(*this, "convert");
  SLUICE_CHECK(a.from.dtype == DType::f32 && is_half(a.to.dtype), "convert: {} to {}", name_of(a.from.dtype),
               name_of(a.to.dtype));
  real("convert.from", a.from);
  real("convert.to", a.to);
  SLUICE_CHECK(a.from.size() == a.to.size(), "convert: {} elements into {}", a.from.size(), a.to.size());
  do_convert(a);
}

void Backend::sum_squares(const SumSquares& a) {
  const Verb verb(*this, "sum_squares");
  accumulator("sum_squares.x", a.x);
  shape("sum_squares.out", a.out, DType::f64, {1});
  do_sum_squares(a);
}

void Backend::clip_scale(const ClipScale& a) {
  const Verb verb(*this, "clip_scale");
  shape("clip_scale.sum_squares", a.sum_squares, DType::f64, {1});
  optional("clip_scale.loss_scale", a.loss_scale, DType::f64, {1});
  shape("clip_scale.scale", a.scale, DType::f64, {1});
  do_clip_scale(a);
}

void Backend::clip_value(const ClipValue& a) {
  const Verb verb(*this, "clip_value");
  accumulator("clip_value.x", a.x);
  optional("clip_value.loss_scale", a.loss_scale, DType::f64, {1});
  SLUICE_CHECK(a.limit > 0, "clip_value: limit {} is not positive", a.limit);
  do_clip_value(a);
}

void Backend::average(const Average& a) {
  real("average.x", a.x);
  same("average.average", a.x, a.average);
  SLUICE_CHECK(a.share >= 0 && a.share <= 1, "average: share {} is not in [0, 1]", a.share);
  do_average(a);
}

namespace {

constexpr int64_t kNumbers = 4;  // of an update

template <class Update>
void check_rows(const Update& a) {
  accumulator("rows.w", a.w);
  shape("rows.w", a.w, a.w.dtype, {kAny, kAny});
  shape("rows.ids", a.ids, DType::i32, {kAny});
  shape("rows.g", a.g, a.w.dtype, {a.ids.dims[0], a.w.dims[1]});
  same("rows.m", a.w, a.m);
  shape("rows.touched", a.touched, DType::i32, {a.w.dims[0]});
  shape("rows.scale", a.scale, DType::f64, {1});
  optional("rows.now", a.now, DType::f64, {kNumbers});
}

}  // namespace

std::array<double, kNumbers> update_numbers(const AdamConfig& c) {
  const cuda::UpdateNumbers numbers({.learning_rate = c.learning_rate,
                                     .beta1 = c.beta1,
                                     .beta2 = c.beta2,
                                     .epsilon = c.epsilon,
                                     .weight_decay = c.weight_decay,
                                     .decoupled = c.decoupled,
                                     .step = c.step});
  return {numbers.learning_rate, numbers.step, numbers.step_size, numbers.inverse_root};
}

void Backend::adam(const Adam& a) {
  const Verb verb(*this, "adam");
  accumulator("adam.w", a.w);
  same("adam.g", a.w, a.g);
  same("adam.m", a.w, a.m);
  same("adam.v", a.w, a.v);
  shape("adam.scale", a.scale, DType::f64, {1});
  optional("adam.now", a.now, DType::f64, {kNumbers});
  do_adam(a);
}

void Backend::adam_rows(const AdamRows& a) {
  const Verb verb(*this, "adam_rows");
  check_rows(a);
  same("rows.v", a.w, a.v);
  do_adam_rows(a);
}

void Backend::sgd(const Sgd& a) {
  const Verb verb(*this, "sgd");
  accumulator("sgd.w", a.w);
  same("sgd.g", a.w, a.g);
  same("sgd.m", a.w, a.m);
  shape("sgd.scale", a.scale, DType::f64, {1});
  optional("sgd.now", a.now, DType::f64, {kNumbers});
  do_sgd(a);
}

void Backend::sgd_rows(const SgdRows& a) {
  const Verb verb(*this, "sgd_rows");
  check_rows(a);
  do_sgd_rows(a);
}

}  // namespace sluice
