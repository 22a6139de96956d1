#include "engine/backend.h"

#include <utility>

#include "engine/checks.h"
#include "engine/verb_at_work.h"

namespace sluice {

using checks::accumulator;
using checks::kAny;
using checks::optional;
using checks::real;
using checks::real_or_accumulator;
using checks::same;
using checks::shape;

// ---- memory

Buffer::Buffer(Backend& backend, size_t bytes, const char* what, Place place)
    : backend_(&backend), bytes_(bytes), place_(place) {
  if (bytes)
    data_ = place == Place::device ? backend.do_allocate(bytes, what) : backend.do_allocate_host(bytes, what);
}

Buffer::Buffer(Buffer&& other) noexcept
    : backend_(std::exchange(other.backend_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      place_(other.place_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(backend_, other.backend_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(place_, other.place_);
  return *this;
}

Buffer::~Buffer() {
  if (!data_) return;
  if (place_ == Place::device)
    backend_->do_release(data_, bytes_);
  else
    backend_->do_release_host(data_, bytes_);
}

void* Backend::do_allocate_host(size_t bytes, const char* what) {
  return do_allocate(bytes, what);
}

void Backend::do_release_host(void* data, size_t bytes) noexcept {
  do_release(data, bytes);
}

void Backend::copy_to_device(Tensor device, const void* host) {
  if (device.bytes()) do_copy_to_device(device.data, host, device.bytes());
}

void Backend::copy_to_host(void* host, Tensor device) {
  if (device.bytes()) do_copy_to_host(host, device.data, device.bytes());
}

void Backend::upload(Tensor device, const void* host) {
  if (device.bytes()) do_upload(device.data, host, device.bytes());
}

void Backend::prefetch(Tensor device, const void* host) {
  if (device.bytes()) do_prefetch(device.data, host, device.bytes());
}

void Backend::await_prefetched() {
  do_await_prefetched();
}

void Backend::read_later(void* host, Tensor device) {
  if (device.bytes()) do_read_later(host, device.data, device.bytes());
}

void Backend::do_upload(void* device, const void* host, size_t bytes) {
  do_copy_to_device(device, host, bytes);
}

void Backend::do_prefetch(void* device, const void* host, size_t bytes) {
  do_copy_to_device(device, host, bytes);
}

void Backend::do_read_later(void* host, const void* device, size_t bytes) {
  do_copy_to_host(host, device, bytes);
}

void Backend::copy(Tensor from, Tensor to) {
  SLUICE_CHECK(from.dtype == to.dtype && from.size() == to.size(), "copy: {} elements of {} into {} of {}",
               from.size(), name_of(from.dtype), to.size(), name_of(to.dtype));
  if (from.bytes()) do_copy(from.data, to.data, from.bytes());
}

void Backend::zero(Tensor x) {
  if (x.bytes()) do_zero(x.data, x.bytes());
}

// ---- batch, embedding

void Backend::build_mask(const BuildMask& a) {
  const Verb verb(*this, "build_mask");
  shape("build_mask.lengths", a.lengths, DType::i32, {kAny});
  shape("build_mask.mask", a.mask, DType::u8, {a.lengths.dims[0], kAny});
  do_build_mask(a);
}

void Backend::gather(const Gather& a) {
  const Verb verb(*this, "gather");
  real("gather.y", a.y);
  real_or_accumulator("gather.table", a.table, a.y.dtype);
  shape("gather.ids", a.ids, DType::i32, {kAny});
  shape("gather.table", a.table, a.table.dtype, {kAny, kAny});
  shape("gather.y", a.y, a.y.dtype, {a.ids.dims[0], a.table.dims[1]});
  do_gather(a);
}

void Backend::segment_sum(const SegmentSum& a) {
  const Verb verb(*this, "segment_sum");
  real("segment_sum.x", a.x);
  shape("segment_sum.x", a.x, a.x.dtype, {kAny, kAny});
  shape("segment_sum.segments", a.segments, DType::i32, {kAny});
  shape("segment_sum.segment_rows", a.segment_rows, DType::i32, {kAny});
  real_or_accumulator("segment_sum.y", a.y, a.x.dtype);
  shape("segment_sum.y", a.y, a.y.dtype, {a.segments.dims[0] - 1, a.x.dims[1]});
  do_segment_sum(a);
}

void Backend::scatter_add(const ScatterAdd& a) {
  const Verb verb(*this, "scatter_add");
  real("scatter_add.x", a.x);
  shape("scatter_add.slots", a.slots, DType::i32, {kAny});
  shape("scatter_add.x", a.x, a.x.dtype, {a.slots.dims[0], kAny});
  shape("scatter_add.y", a.y, accumulator_of(a.x.dtype), {kAny, a.x.dims[1]});
  do_scatter_add(a);
}

// ---- recurrence

RnnPath Backend::choose_path(RnnPath wanted, const RnnShape& s, std::string* why) {
  SLUICE_CHECK(s.input_size > 0 && s.hidden_size > 0, "rnn: input size {}, hidden size {}", s.input_size,
               s.hidden_size);
  return do_choose_path(wanted, s, why);
}

RnnBytes Backend::rnn_bytes(const RnnShape& s, RnnPath path, const MaxShape& max) {
  return do_rnn_bytes(s, path, max);
}

void Backend::rnn_forward(const RnnForward& a) {
  const Verb verb(*this, "rnn_forward");
  checks::rnn(a);
  do_rnn_forward(a);
}

void Backend::rnn_backward(const RnnBackward& a) {
  const Verb verb(*this, "rnn_backward");
  checks::rnn(a);
  do_rnn_backward(a);
}

// ---- pooling, normalisation, dropout

namespace {

void check_pool(const PoolForward& a) {
  SLUICE_CHECK(a.batch, "pool: no batch");
  real("pool.x", a.x);
  shape("pool.x", a.x, a.x.dtype, {a.batch->rows, kAny});
  shape("pool.y", a.y, a.x.dtype, {a.batch->sequences, kAny});
  SLUICE_CHECK(a.column >= 0 && a.column + a.x.dims[1] <= a.y.dims[1], "pool: columns {}..{} of {}", a.column,
               a.column + a.x.dims[1], a.y.dims[1]);
  SLUICE_CHECK((a.directions == 1 || a.directions == 2) && a.x.dims[1] % a.directions == 0,
               "pool: {} columns in {} directions", a.x.dims[1], a.directions);
  if (a.kind == Pooling::max) shape("pool.argmax", a.argmax, DType::i32, {a.batch->sequences, a.x.dims[1]});
}

void check_norm(const BatchNormForward& a) {
  real("batch_norm.x", a.x);
  shape("batch_norm.x", a.x, a.x.dtype, {kAny, kAny});
  if (a.batch) shape("batch_norm.x", a.x, a.x.dtype, {a.batch->rows, kAny});
  for (const Tensor* c : {&a.gamma, &a.beta, &a.running_mean, &a.running_var, &a.mean, &a.inverse_std})
    shape("batch_norm: a tensor per column", *c, accumulator_of(a.x.dtype), {a.x.dims[1]});
}

}  // namespace

void Backend::pool_forward(const PoolForward& a) {
  const Verb verb(*this, "pool_forward");
  check_pool(a);
  do_pool_forward(a);
}

void Backend::pool_backward(const PoolBackward& a) {
  const Verb verb(*this, "pool_backward");
  check_pool(a.forward);
  same("pool.dy", a.forward.y, a.dy);
  same("pool.dx", a.forward.x, a.dx);
  do_pool_backward(a);
}

void Backend::batch_norm_forward(const BatchNormForward& a) {
  const Verb verb(*this, "batch_norm_forward");
  check_norm(a);
  same("batch_norm.y", a.x, a.y);
  do_batch_norm_forward(a);
}

void Backend::batch_norm_backward(const BatchNormBackward& a) {
  const Verb verb(*this, "batch_norm_backward");
  check_norm(a.forward);
  same("batch_norm.dy", a.forward.x, a.dy);
  same("batch_norm.dx", a.forward.x, a.dx);
  same("batch_norm.dgamma", a.forward.gamma, a.dgamma);
  same("batch_norm.dbeta", a.forward.beta, a.dbeta);
  do_batch_norm_backward(a);
}

void Backend::dropout(const Dropout& a) {
  const Verb verb(*this, "dropout");
  real("dropout.x", a.x);
  shape("dropout.x", a.x, a.x.dtype, {a.batch ? a.batch->rows : kAny, kAny});
  same("dropout.y", a.x, a.y);
  SLUICE_CHECK(a.p >= 0 && a.p < 1, "dropout: probability {} is not in [0, 1)", a.p);
  do_dropout(a);
}

// ---- head

void Backend::linear_forward(const LinearForward& a) {
  const Verb verb(*this, "linear_forward");
  real("linear.x", a.x);
  shape("linear.x", a.x, a.x.dtype, {kAny, kAny});
  shape("linear.W", a.W, a.x.dtype, {kAny, a.x.dims[1]});
  shape("linear.b", a.b, accumulator_of(a.x.dtype), {a.W.dims[0]});
  shape("linear.y", a.y, accumulator_of(a.x.dtype), {a.x.dims[0], a.W.dims[0]});
  do_linear_forward(a);
}

void Backend::linear_backward(const LinearBackward& a) {
  const Verb verb(*this, "linear_backward");
  real("linear.x", a.x);
  shape("linear.x", a.x, a.x.dtype, {kAny, kAny});
  shape("linear.W", a.W, a.x.dtype, {kAny, a.x.dims[1]});
  shape("linear.dy", a.dy, a.x.dtype, {a.x.dims[0], a.W.dims[0]});
  optional("linear.dx", a.dx, a.x.dtype, {a.x.dims[0], a.x.dims[1]});
  shape("linear.dW", a.dW, accumulator_of(a.x.dtype), {a.W.dims[0], a.W.dims[1]});
  shape("linear.db", a.db, accumulator_of(a.x.dtype), {a.W.dims[0]});
  do_linear_backward(a);
}

namespace {

template <class Xent>
void check_xent(const Xent& a) {
  accumulator("xent.logits", a.logits);
  const int64_t B = a.logits.dims[0], K = a.logits.dims[1];
  shape("xent.logits", a.logits, a.logits.dtype, {kAny, kAny});
  optional("xent.class_weights", a.class_weights, a.logits.dtype, {K});
  same("xent.probabilities", a.logits, a.probabilities);
  optional("xent.losses", a.losses, a.logits.dtype, {B});
  optional("xent.hits", a.hits, DType::i32, {B});
  if (a.dlogits.data) {
    real("xent.dlogits", a.dlogits);
    shape("xent.dlogits", a.dlogits, a.dlogits.dtype, {B, K});
    SLUICE_CHECK(accumulator_of(a.dlogits.dtype) == a.logits.dtype, "xent.dlogits is {} of logits of {}",
                 name_of(a.dlogits.dtype), name_of(a.logits.dtype));
  }
  optional("xent.scale_now", a.scale_now, DType::f64, {1});
  SLUICE_CHECK(a.smoothing >= 0 && a.smoothing < 1, "xent: smoothing {} is not in [0, 1)", a.smoothing);
}

}  // namespace

void Backend::softmax_xent(const SoftmaxXent& a) {
  const Verb verb(*this, "softmax_xent");
  check_xent(a);
  shape("softmax_xent.labels", a.labels, DType::i32, {a.logits.dims[0]});
  do_softmax_xent(a);
}

void Backend::sigmoid_xent(const SigmoidXent& a) {
  const Verb verb(*this, "sigmoid_xent");
  check_xent(a);
  shape("sigmoid_xent.targets", a.targets, DType::f32, {a.logits.dims[0], a.logits.dims[1]});
  do_sigmoid_xent(a);
}

}  // namespace sluice
