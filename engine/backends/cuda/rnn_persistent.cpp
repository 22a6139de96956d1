#include "engine/backends/cuda/rnn_persistent.h"

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/rnn_plan.h"
#include "engine/backends/cuda/transfers.h"
#include "engine/error.h"

namespace sluice::cuda {
namespace {

constexpr Pass kPasses[] = {Pass::forward, Pass::backward};

PersistentShape shape_of(const RnnShape& s, int sequences) {
  return {.cell = s.cell,
          .hidden = s.hidden_size,
          .sequences = sequences,
          .directions = s.directions,
          .element = static_cast<int>(size_of(s.dtype)),
          .exchange = s.persistent_exchange};
}

}  // namespace

RnnPersistent::RnnPersistent(const DeviceProps& device) : device_(device) {}

RnnPersistent::~RnnPersistent() {
  if (lost_) release_pinned(lost_);
}

std::string RnnPersistent::refusal(const RnnShape& shape) const {
  if (std::string reason = persistent_refusal(shape); !reason.empty()) return reason;
  for (Pass pass : kPasses) {
    const auto result = plan(pass, shape_of(shape, 1), device_);
    if (const auto* refused = std::get_if<Refusal>(&result)) return refused->reason;
  }
  return {};
}

PersistentPlan RnnPersistent::plan_of(Pass pass, const PersistentShape& shape) const {
  const auto result = plan(pass, shape, device_);
  if (const auto* refused = std::get_if<Refusal>(&result))
    throw Failure("rnn.path = persistent with {} sequences: {}", shape.sequences, refused->reason);
  return std::get<PersistentPlan>(result);
}

// Flags, and the exchanged h behind them, in the queue's workspace.
Exchange RnnPersistent::exchange(Queue& queue, size_t bytes, void** h_exchange) {
  if (!lost_) {
    lost_ = static_cast<uint64_t*>(allocate_pinned(sizeof(uint64_t), "the word of a lost block"));
    *lost_ = 0;
  }
  const size_t flags = aligned(static_cast<size_t>(device_.multiprocessors) * sizeof(uint32_t));
  auto* memory = static_cast<char*>(queue.workspace(flags + bytes));
  if (h_exchange) *h_exchange = memory + flags;
  return {.flags = reinterpret_cast<uint32_t*>(memory), .lost = lost_, .patience = patience_};
}

template <class T>
void RnnPersistent::run(Queue& queue, const RnnForward& p, const StepForwardParams<T> (&directions)[2]) {
  SLUICE_CHECK(p.batch->layout != Layout::bucketed, "path persistent: no bucketed batches");
  if (p.batch->sequences == 0) return;
  using A = arithmetic_t<T>;
  PersistentForwardParams<T> all;
  all.shape = shape_of(p.shape, p.batch->sequences);
  all.plan = plan_of(Pass::forward, all.shape);
  void* h_exchange = nullptr;
  all.exchange =
      exchange(queue, static_cast<size_t>(exchange_size(all.shape, all.plan)) * sizeof(T), &h_exchange);
  all.h_exchange = static_cast<T*>(h_exchange);
  all.places = places_of(*p.batch);
  all.x_index = reading<int32_t, 1>(p.x_index);
  all.y = p.y.view<T, 2>();
  for (int64_t d = 0; d < p.shape.directions; ++d) {
    const StepForwardParams<T>& step = directions[d];
    all.directions[d] = {.masks = step.masks,
                         .x_pre = step.x_pre ? step.x_pre : reading(step.slots),
                         .R = reading_part<T>(p.R, d),
                         .b = step.b,
                         .h0 = reading_part<A>(p.h0, d),
                         .c0 = reading_part<A>(p.c0, d),
                         .slots = step.slots,
                         .c_saved = step.c_saved,
                         .hT = part<A>(p.hT, d),
                         .cT = part<A>(p.cT, d)};
  }
  launch(all, queue.stream());
}

template <class T>
void RnnPersistent::run(Queue& queue, const RnnBackward& p, const StepBackwardParams<T> (&directions)[2],
                        Turns turns) {
  const RnnForward& f = p.forward;
  if (f.batch->sequences == 0) return;
  using A = arithmetic_t<T>;
  PersistentBackwardParams<T> all;
  all.shape = shape_of(f.shape, f.batch->sequences);
  all.plan = plan_of(Pass::backward, all.shape);
  all.exchange = exchange(queue, 0, nullptr);
  all.places = places_of(*f.batch);
  all.turns = turns;
  all.y = reading<T, 2>(f.y);
  all.dy = reading<T, 2>(p.dy);
  for (int64_t d = 0; d < f.shape.directions; ++d) {
    const StepBackwardParams<T>& step = directions[d];
    all.directions[d] = {.masks = step.masks,
                         .R = reading_part<T>(f.R, d),
                         .c_saved = step.c_saved,
                         .h0 = step.h0,
                         .c0 = step.c0,
                         .dhT = reading_part<A>(p.dhT, d),
                         .dcT = reading_part<A>(p.dcT, d),
                         .slots = step.slots,
                         .dh0 = part<A>(p.dh0, d),
                         .dc0 = part<A>(p.dc0, d),
                         .dh_kept = step.dh,
                         .dc_kept = step.dc};
  }
  launch(all, queue.stream());
}

// Sums over distinct inputs, and what is made of them, need all rows: only dR is left to run beside.
int RnnPersistent::chunks(const RnnBackward& p) const {
  const RnnForward& f = p.forward;
  if (f.batch->sequences == 0) return 1;
  if (chunks_ > 0) return std::clamp(chunks_, 1, std::max(1, f.batch->steps));
  const PersistentShape shape = shape_of(f.shape, f.batch->sequences);
  const int inputs = f.x_index ? 0 : f.shape.input_size * (p.dx ? 2 : 1);
  return backward_chunks(
      shape, plan_of(Pass::backward, shape),
      {.steps = f.batch->steps, .rows = f.batch->rows, .columns = f.shape.hidden_size + inputs}, device_);
}

template void RnnPersistent::run(Queue&, const RnnForward&, const StepForwardParams<float> (&)[2]);
template void RnnPersistent::run(Queue&, const RnnForward&, const StepForwardParams<bf16> (&)[2]);
template void RnnPersistent::run(Queue&, const RnnForward&, const StepForwardParams<f16> (&)[2]);
template void RnnPersistent::run(Queue&, const RnnBackward&, const StepBackwardParams<float> (&)[2], Turns);
template void RnnPersistent::run(Queue&, const RnnBackward&, const StepBackwardParams<bf16> (&)[2], Turns);
template void RnnPersistent::run(Queue&, const RnnBackward&, const StepBackwardParams<f16> (&)[2], Turns);

void RnnPersistent::check() {
  if (!lost_) return;
  const LostBlock found = LostBlock::of(std::exchange(*lost_, 0));
  if (found.lost)
    throw Failure(
        "rnn.path = persistent: the blocks of direction {}, group {} waited in vain for each other at step "
        "{}; "
        "is the GPU shared with other programs? rnn.path = step does not need all of it",
        found.direction, found.group, found.step);
}

}  // namespace sluice::cuda
