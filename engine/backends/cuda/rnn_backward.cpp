#include "engine/backends/cuda/planned.h"
#include "engine/backends/cuda/rnn_plan.h"
#include "engine/backends/cuda/rnn_step.h"
#include "engine/backends/cuda/sums.h"
#include "kernels/embedding/embedding.h"

namespace sluice::cuda {
namespace {

template <class T>
class Backward : StepPass<T> {
 public:
  explicit Backward(const RnnBackward& p)
      : StepPass<T>(p.forward),
        p_(p),
        forward_(p.forward),
        scratch_carver_(p.forward.scratch.data),
        scratch_(scratch_carver_, size_) {}

  void run_direction(Queue& queue, int64_t d) {
    run_chain(queue, Direction{d, &host_});
    if (forward_.batch->layout == Layout::padded)
      launch(ZeroPaddingParams<T>{places_of(*forward_.batch), slots(d)}, queue.stream());
    recurrent_weights(queue, d);
    if (forward_.x_index) sum_distinct(queue, d);
    const View<const T, 2> d_slots = input_side(d);
    add_product(queue, d_slots, d_slots.data, reading<T, 2>(forward_.x), part<A>(p_.dW, d));
    add_column_sums(queue, reading(slots(d)), p_.db.at(d).view<A, 1>());
  }

  // dx = the sum over directions of d(W x) W; direction 0 first.
  void input_gradient(Queue& queue, int64_t d) const {
    if (!p_.dx) return;
    const View<const T, 2> d_slots = input_side(d);
    queue.gemm(Gemm<T>{.m = d_slots.dims[0],
                       .n = size_.E,
                       .k = size_.G,
                       .a = d_slots.data,
                       .lda = size_.S,
                       .b = reading_part<T>(forward_.W, d).data,
                       .ldb = size_.E,
                       .c = p_.dx.view<T, 2>().data,
                       .ldc = size_.E,
                       .accumulate = d > 0});
  }

 private:
  using typename StepPass<T>::A;
  using StepPass<T>::size_, StepPass<T>::host_;
  using StepPass<T>::slots, StepPass<T>::c_saved, StepPass<T>::state, StepPass<T>::load_state;

  // Gradients of the slots, one row for each input row; those of W x are the first G columns.
  View<const T, 2> input_side(int64_t d) const {
    return reading(forward_.x_index ? distinct_sum(d) : slots(d));
  }
  View<T, 2> distinct_sum(int64_t d) const {
    return matrix(scratch_.distinct_sum + d * size_.U * size_.S, size_.U, size_.S);
  }
  // Where gradients of R h stand in a row of slots.
  int64_t recurrent_column() const { return size_.S - size_.G; }

  // ---- the chain through time: slots become their gradients, in place

  void run_chain(Queue& queue, const Direction& way) const {
    StepBackwardParams<T> step;
    step.cell = forward_.shape.cell;
    step.masks = step_masks<A>(forward_, way.d);
    step.active_now = active_now(*forward_.batch);
    step.column = static_cast<int>(way.d * size_.H);
    step.slots = slots(way.d);
    step.y = reading<T, 2>(forward_.y);
    step.c_saved = reading(c_saved(way.d));
    step.h0 = reading_part<A>(forward_.h0, way.d);
    step.c0 = reading_part<A>(forward_.c0, way.d);
    step.dy = reading<T, 2>(p_.dy);
    step.dh = state(p_.dh0, scratch_.dh, way.d);
    load_state(queue, p_.dhT, way.d, step.dh);
    if (size_.two_states) {
      step.dc = state(p_.dc0, scratch_.dc, way.d);
      load_state(queue, p_.dcT, way.d, step.dc);
    }
    const View<A, 2> later = state({}, scratch_.dh_later, way.d);
    if (step.masks.dropout) {
      step.dh_later = reading(later);
      load_state(queue, {}, way.d, later);
    }
    for (int64_t k = way.steps() - 1; k >= 0; --k) run_step(queue, way, way.step(k), step);
    if (step.masks.dropout && p_.dh0)
      launch(
          MaskStateParams<A>{.mask = step.masks.recurrent, .add = true, .in = step.dh_later, .out = step.dh},
          queue.stream());
  }

  // What the step before gets of h is mask * d(R h) R, and what goes past that product, which step_backward
  // left in dh.
  void run_step(Queue& queue, const Direction& way, int t, StepBackwardParams<T>& step) const {
    const int before = way.before(t);
    step.t = t;
    step.t_before = before;
    step.active = way.active(t);
    step.first_row = way.first_row(t);
    step.active_before = way.active(before);
    step.row_before = way.first_row(before);
    launch_planned(queue, step);
    queue.gemm(Gemm<T, A>{.m = step.active,
                          .n = size_.H,
                          .k = size_.G,
                          .a = step.slots.row(step.first_row) + recurrent_column(),
                          .lda = size_.S,
                          .b = reading_part<T>(forward_.R, way.d).data,
                          .ldb = size_.H,
                          .c = step.masks.dropout ? state({}, scratch_.dh_later, way.d).data : step.dh.data,
                          .ldc = size_.H,
                          .accumulate = step.passes_dh() && !step.masks.dropout});
  }

  // ---- sums over all rows

  // to += a^T b, where a is the G columns of d_slots from `a` on.
  void add_product(Queue& queue, View<const T, 2> d_slots, const T* a, View<const T, 2> b,
                   View<A, 2> to) const {
    queue.gemm(Gemm<T, A>{.transpose_a = true,
                          .m = size_.G,
                          .n = b.dims[1],
                          .k = d_slots.dims[0],
                          .a = a,
                          .lda = size_.S,
                          .b = b.data,
                          .ldb = b.dims[1],
                          .c = to.data,
                          .ldc = to.dims[1],
                          .accumulate = true});
  }

  void recurrent_weights(Queue& queue, int64_t d) const {
    const View<T, 2> h_before = matrix(scratch_.h_before + d * size_.N * size_.H, size_.N, size_.H);
    const StepMasks<A> masks = step_masks<A>(forward_, d);
    launch(HBeforeParams<T>{.places = places_of(*forward_.batch),
                            .reverse = d == 1,
                            .column = static_cast<int>(d * size_.H),
                            .mask = masks.recurrent,
                            .y = reading<T, 2>(forward_.y),
                            .h0 = reading_part<A>(forward_.h0, d),
                            .out = h_before},
           queue.stream());
    const View<const T, 2> d_slots = reading(slots(d));
    add_product(queue, d_slots, d_slots.data + recurrent_column(), reading(h_before), part<A>(p_.dR, d));
  }

  void sum_distinct(Queue& queue, int64_t d) const {
    launch(SegmentSumParams<T, T>{.x = reading(slots(d)),
                                  .segments = reading<int32_t, 1>(forward_.batch->segments),
                                  .segment_rows = reading<int32_t, 1>(forward_.batch->segment_rows),
                                  .y = distinct_sum(d)},
           queue.stream());
  }

  const RnnBackward& p_;
  const RnnForward& forward_;
  Carver scratch_carver_;
  BackwardScratch<T> scratch_;
};

}  // namespace

void rnn_step_backward(Queue& main, Queue& side, const RnnBackward& p) {
  // The product with R overwrites the rows of sequences that have ended, or have not begun.
  SLUICE_CHECK(p.forward.batch->layout != Layout::bucketed || (!p.dhT && !p.dh0),
               "path step: no gradients of first or last states of a bucketed batch");
  dispatch_stored(p.forward.shape.dtype, [&]<class T>() {
    Backward<T> backward(p);
    if (p.forward.shape.directions == 2) {
      side.wait_for(main);
      backward.run_direction(side, 1);
    }
    backward.run_direction(main, 0);
    backward.input_gradient(main, 0);
    if (p.forward.shape.directions == 2) {
      main.wait_for(side);
      backward.input_gradient(main, 1);
    }
  });
}

}  // namespace sluice::cuda
