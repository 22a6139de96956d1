#include "engine/device_batch.h"

namespace sluice {
namespace {

constexpr size_t kAlignment = 256;

size_t padded(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

DeviceBatch::DeviceBatch(Backend& backend, const MaxShape& max, Layout layout, int classes)
    : backend_(backend), max_(max) {
  const int64_t B = max.sequences, T = max.steps, N = max.rows, U = max.distinct;
  struct Slot {
    Tensor* tensor;
    DType type;
    std::initializer_list<int64_t> shape;
  };
  const int64_t masks = layout == Layout::padded ? B * T : 0;
  const Slot slots[] = {
      {&bound_.ids, DType::i32, {N}},          {&bound_.lengths, DType::i32, {B}},
      {&bound_.offsets, DType::i32, {T + 1}},  {&bound_.active, DType::i32, {T}},
      {&bound_.labels, DType::i32, {B}},       {&bound_.targets, DType::f32, {B * classes}},
      {&bound_.mask, DType::u8, {masks}},      {&bound_.distinct_ids, DType::i32, {U}},
      {&bound_.segments, DType::i32, {U + 1}}, {&bound_.segment_rows, DType::i32, {N}},
      {&bound_.row_distinct, DType::i32, {N}},
  };
  size_t bytes = 0;
  for (const Slot& s : slots) bytes += padded(Tensor(nullptr, s.type, s.shape).bytes());
  memory_ = Buffer(backend, bytes, "batch");
  char* next = static_cast<char*>(memory_.data());
  for (const Slot& s : slots) {
    *s.tensor = Tensor(next, s.type, s.shape);
    next += padded(s.tensor->bytes());
  }
}

Tensor DeviceBatch::upload(Tensor slot, const void* data, int64_t count) {
  const Tensor tensor = slot.narrow(count);
  backend_.copy_to_device(tensor, data);
  return tensor;
}

const Batch& DeviceBatch::load(const HostBatch& host) {
  const auto distinct = static_cast<int>(host.distinct.size());
  SLUICE_CHECK(
      host.sequences <= max_.sequences && host.steps <= max_.steps && host.rows <= max_.rows &&
          distinct <= max_.distinct,
      "a batch of {} sequences, {} steps, {} rows, {} distinct ids where {}, {}, {}, {} were foreseen",
      host.sequences, host.steps, host.rows, distinct, max_.sequences, max_.steps, max_.rows, max_.distinct);
  batch_ = {};
  batch_.host = &host;
  batch_.sequences = host.sequences;
  batch_.steps = host.steps;
  batch_.rows = host.rows;
  batch_.tokens = host.tokens;
  batch_.distinct = distinct;
  batch_.layout = host.layout;
  batch_.ids = upload(bound_.ids, host.ids.data(), host.rows);
  batch_.lengths = upload(bound_.lengths, host.lengths.data(), host.sequences);
  batch_.offsets = upload(bound_.offsets, host.offsets.data(), host.steps + 1);
  batch_.active = upload(bound_.active, host.active.data(), host.steps);
  batch_.labels = upload(bound_.labels, host.labels.data(), host.sequences);
  if (!host.targets.empty())
    batch_.targets = upload(bound_.targets, host.targets.data(), static_cast<int64_t>(host.targets.size()))
                         .reshape({host.sequences, host.classes});
  batch_.distinct_ids = upload(bound_.distinct_ids, host.distinct.data(), distinct);
  batch_.segments = upload(bound_.segments, host.segments.data(), distinct + 1);
  batch_.segment_rows = upload(bound_.segment_rows, host.segment_rows.data(), host.tokens);
  batch_.row_distinct = upload(bound_.row_distinct, host.row_distinct.data(), host.rows);
  if (host.layout == Layout::padded) {
    batch_.mask = bound_.mask.reshape({host.sequences, host.steps});
    backend_.build_mask({.lengths = batch_.lengths, .mask = batch_.mask});
  }
  return batch_;
}

}  // namespace sluice
