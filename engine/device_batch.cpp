#include "engine/device_batch.h"

#include <cstring>

namespace sluice {
namespace {

// Calls f(its tensor in `batch`, type, elements, its values in `host`) for each array of a batch, in the
// order of a block: where it lies is a function of `shape` alone. `host` may be null.
template <class F>
void for_each_array(const MaxShape& shape, int64_t targets, const HostBatch* host, Batch& batch, F&& f) {
  static const HostBatch kNone;
  const HostBatch& h = host ? *host : kNone;
  const int64_t B = shape.sequences, T = shape.steps, N = shape.rows, U = shape.distinct;
  f(batch.ids, DType::i32, N, h.ids.data());
  f(batch.lengths, DType::i32, B, h.lengths.data());
  f(batch.offsets, DType::i32, T + 1, h.offsets.data());
  f(batch.active, DType::i32, T, h.active.data());
  f(batch.labels, DType::i32, B, h.labels.data());
  f(batch.targets, DType::f32, targets, h.targets.data());
  f(batch.distinct_ids, DType::i32, U, h.distinct.data());
  f(batch.segments, DType::i32, U + 1, h.segments.data());
  f(batch.row_distinct, DType::i32, N, h.row_distinct.data());
  f(batch.segment_rows, DType::i32, N, h.segment_rows.data());
}

MaxShape shape_of(const HostBatch& host) {
  return {host.sequences, host.steps, host.rows, static_cast<int>(host.distinct.size()),
          host.bigrams ? static_cast<int>(host.bigrams->distinct.size()) : 0};
}

}  // namespace

DeviceBatch::DeviceBatch(Backend& backend, const MaxShape& max, Layout layout, int classes)
    : backend_(backend), max_(max) {
  int64_t bytes = 0;
  Batch measured;
  for_each_array(max, int64_t{max.sequences} * classes, nullptr, measured,
                 [&](Tensor&, DType type, int64_t count, const void*) {
                   bytes += static_cast<int64_t>(aligned(static_cast<size_t>(count) * size_of(type)));
                 });
  const int64_t masks = layout == Layout::padded ? int64_t{max.sequences} * max.steps : 0;
  memory_ = Buffer(backend, static_cast<size_t>(2 * bytes + masks), "batches");
  char* memory = static_cast<char*>(memory_.data());
  arriving_ = Tensor(memory, DType::u8, {bytes});
  arrived_ = Tensor(memory + bytes, DType::u8, {bytes});
  mask_ = Tensor(memory + 2 * bytes, DType::u8, {masks});
  if (max.bigrams > 0)
    bigrams_ = std::make_unique<DeviceBatch>(
        backend, MaxShape{max.sequences, max.steps, max.rows, max.bigrams}, layout, 0);
}

void DeviceBatch::prefetch(const HostBatch& next) {
  const MaxShape shape = shape_of(next);
  SLUICE_CHECK(
      shape.sequences <= max_.sequences && shape.steps <= max_.steps && shape.rows <= max_.rows &&
          shape.distinct <= max_.distinct && shape.bigrams <= max_.bigrams,
      "a batch of {} sequences, {} steps, {} rows, {} distinct ids, {} bigrams where {}, {}, {}, {}, {} were "
      "foreseen",
      shape.sequences, shape.steps, shape.rows, shape.distinct, shape.bigrams, max_.sequences, max_.steps,
      max_.rows, max_.distinct, max_.bigrams);
  SLUICE_CHECK(!bigrams_ || next.bigrams, "a batch without bigrams where {} were foreseen", max_.bigrams);
  block_.clear();
  Batch placed;
  for_each_array(shape, static_cast<int64_t>(next.targets.size()), &next, placed,
                 [&](Tensor& tensor, DType type, int64_t count, const void* values) {
                   const size_t bytes = static_cast<size_t>(count) * size_of(type), at = block_.size();
                   block_.resize(at + aligned(bytes));
                   const bool part = &tensor == &placed.segment_rows;  // of N, those that are tokens
                   const size_t given = part ? static_cast<size_t>(next.tokens) * size_of(type) : bytes;
                   if (given) std::memcpy(block_.data() + at, values, given);
                 });
  backend_.prefetch(arriving_.narrow(static_cast<int64_t>(block_.size())), block_.data());
  prefetched_ = &next;
  if (bigrams_) bigrams_->prefetch(*next.bigrams);
}

const Batch& DeviceBatch::load(const HostBatch& host) {
  if (prefetched_ != &host) prefetch(host);
  prefetched_ = nullptr;
  const auto bytes = static_cast<int64_t>(block_.size());
  backend_.await_prefetched();
  backend_.copy(arriving_.narrow(bytes), arrived_.narrow(bytes));
  const MaxShape shape = shape_of(host);
  batch_ = {};
  batch_.host = &host;
  batch_.sequences = shape.sequences;
  batch_.steps = shape.steps;
  batch_.rows = shape.rows;
  batch_.tokens = host.tokens;
  batch_.distinct = shape.distinct;
  batch_.layout = host.layout;
  char* next = static_cast<char*>(arrived_.data);
  for_each_array(shape, static_cast<int64_t>(host.targets.size()), &host, batch_,
                 [&](Tensor& tensor, DType type, int64_t count, const void*) {
                   tensor = Tensor(next, type, {count});
                   next += aligned(tensor.bytes());
                 });
  batch_.targets = host.targets.empty() ? Tensor() : batch_.targets.reshape({host.sequences, host.classes});
  if (host.layout == Layout::padded) {
    batch_.mask = mask_.reshape({host.sequences, host.steps});
    backend_.build_mask({.lengths = batch_.lengths, .mask = batch_.mask});
  }
  if (bigrams_) batch_.bigrams = &bigrams_->load(*host.bigrams);
  return batch_;
}

}  // namespace sluice
