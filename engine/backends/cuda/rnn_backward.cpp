#include <type_traits>

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

  // Every step of every direction in one launch.
  void run_persistent(Queue& queue, RnnPersistent& persistent) const {
    if constexpr (!std::is_same_v<T, double>) {
      StepBackwardParams<T> directions[2];
      for (int64_t d = 0; d < size_.D; ++d) directions[d] = step_params(d);
      persistent.run(queue, p_, directions);
    }
  }

  void run_direction(Queue& queue, int64_t d) { run_chain(queue, Direction{d, &host_}); }

  // All that follows the chain of a direction but dx.
  void sum_direction(Queue& queue, int64_t d) {
    if (forward_.batch->layout == Layout::padded) {
      launch(ZeroPaddingParams<T>{places_of(*forward_.batch), slots(d)}, queue.stream());
      if (size_.layer_norm)
        launch(ZeroPaddingParams<T>{places_of(*forward_.batch), norms(forward_, d).h_hat}, queue.stream());
    }
    recurrent_weights(queue, d);
    if (forward_.x_index) sum_distinct(queue, d);
    if (size_.layer_norm) through_norms(queue, d);
    add_product(queue, input_side(d), reading<T, 2>(forward_.x), part<A>(p_.dW, d));
    add_column_sums(queue, reading(slots(d)), p_.db.at(d).view<A, 1>());
  }

  // dx = the sum over directions of d(W x) W; direction 0 first.
  void input_gradient(Queue& queue, int64_t d) const {
    if (!p_.dx) return;
    const View<const T, 2> d_input = input_side(d);
    queue.gemm(Gemm<T>{.m = d_input.dims[0],
                       .n = size_.E,
                       .k = size_.G,
                       .a = d_input.data,
                       .lda = d_input.dims[1],
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
  using StepPass<T>::x_hat, StepPass<T>::x_inverse, StepPass<T>::norms;

  // Gradients of the slots, one row for each input row.
  View<const T, 2> input_slots(int64_t d) const {
    return reading(forward_.x_index ? distinct_sum(d) : slots(d));
  }
  // Gradients of W x in the first G columns.
  View<const T, 2> input_side(int64_t d) const {
    return size_.layer_norm ? reading(x_hat(forward_, d)) : input_slots(d);
  }
  View<T, 2> distinct_sum(int64_t d) const {
    return matrix(scratch_.distinct_sum + d * size_.U * size_.S, size_.U, size_.S);
  }
  // Gradients of R h in G columns from `data` on, in rows that are dims[1] wide.
  View<const T, 2> recurrent_side(int64_t d) const {
    if (size_.layer_norm) return reading(norms(forward_, d).h_hat);
    View<const T, 2> side = reading(slots(d));
    side.data += size_.S - size_.G;
    return side;
  }

  // ---- the chain through time: slots become their gradients, in place

  StepBackwardParams<T> step_params(int64_t d) const {
    StepBackwardParams<T> step;
    step.cell = forward_.shape.cell;
    step.masks = step_masks<A>(forward_, d);
    step.active_now = active_now(*forward_.batch);
    step.column = static_cast<int>(d * size_.H);
    step.slots = slots(d);
    step.y = reading<T, 2>(forward_.y);
    step.c_saved = reading(c_saved(d));
    step.h0 = reading_part<A>(forward_.h0, d);
    step.c0 = reading_part<A>(forward_.c0, d);
    step.dy = reading<T, 2>(p_.dy);
    return step;
  }

  void run_chain(Queue& queue, const Direction& way) const {
    StepBackwardParams<T> step = step_params(way.d);
    step.norms = chain_norms(queue, way.d);
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
    for (int64_t k = way.steps() - 1; k >= 0; --k) run_step(queue, way, way.step(k), step, k > 0 || p_.dh0);
    if (step.masks.dropout && p_.dh0)
      launch(
          MaskStateParams<A>{.mask = step.masks.recurrent, .add = true, .in = step.dh_later, .out = step.dh},
          queue.stream());
  }

  // Norms of the chain, with its sums of gradients from zero on.
  StepNorms<T> chain_norms(Queue& queue, int64_t d) const {
    StepNorms<T> n = norms(forward_, d);
    const auto zeroed = [&](A* all, int64_t columns) {
      const View<A, 2> sums = matrix(all + d * size_.B * columns, size_.B, columns);
      queue.zero(sums.data, static_cast<size_t>(size_.B * columns) * sizeof(A));
      return sums;
    };
    n.from_zero = !forward_.h0 && !p_.dh0;
    if (n) n.d_recurrent = zeroed(scratch_.d_recurrent, size_.G);
    if (n.cell) n.d_cell = zeroed(scratch_.d_cell, size_.H);
    if (n.cell) n.d_cell_bias = zeroed(scratch_.d_cell_bias, size_.H);
    return n;
  }

  // What the step before gets of h is mask * d(R h) R, and what goes past that product, which step_backward
  // left in dh.
  void run_step(Queue& queue, const Direction& way, int t, StepBackwardParams<T>& step,
                bool dh_wanted) const {
    const int before = way.before(t);
    step.t = t;
    step.t_before = before;
    step.active = way.active(t);
    step.first_row = way.first_row(t);
    step.active_before = way.active(before);
    step.row_before = way.first_row(before);
    launch_planned(queue, step);
    if (!dh_wanted) return;
    queue.gemm(Gemm<T, A>{.m = step.active,
                          .n = size_.H,
                          .k = size_.G,
                          .a = recurrent_side(way.d).row(step.first_row),
                          .lda = recurrent_side(way.d).dims[1],
                          .b = reading_part<T>(forward_.R, way.d).data,
                          .ldb = size_.H,
                          .c = step.masks.dropout ? state({}, scratch_.dh_later, way.d).data : step.dh.data,
                          .ldc = size_.H,
                          .accumulate = step.passes_dh() && !step.masks.dropout});
  }

  // ---- sums over all rows

  // to += a^T b, where a is the first G columns.
  void add_product(Queue& queue, View<const T, 2> a, View<const T, 2> b, View<A, 2> to) const {
    queue.gemm(Gemm<T, A>{.transpose_a = true,
                          .m = size_.G,
                          .n = b.dims[1],
                          .k = a.dims[0],
                          .a = a.data,
                          .lda = a.dims[1],
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
    add_product(queue, recurrent_side(d), reading(h_before), part<A>(p_.dR, d));
  }

  // Gradients of the gains; and x_hat becomes the gradient of W x.
  void through_norms(Queue& queue, int64_t d) const {
    const View<T, 2> hat = x_hat(forward_, d);
    const View<const T, 2> d_slots = input_slots(d);
    add_column_sums(queue, d_slots, p_.dnorms.input.at(d).view<A, 1>(), reading(hat));
    launch(NormRowsBackwardParams<T>{.d = d_slots,
                                     .gain = reading<A, 1>(forward_.norms.input.at(d)),
                                     .inverse = reading(x_inverse(forward_, d)),
                                     .hat = hat},
           queue.stream());
    const auto add_sums = [&](A* all, const Tensor& to) {
      const int64_t columns = to.dims[1];
      add_column_sums(queue, reading(matrix(all + d * size_.B * columns, size_.B, columns)),
                      to.at(d).view<A, 1>());
    };
    add_sums(scratch_.d_recurrent, p_.dnorms.recurrent);
    if (!size_.two_states) return;
    add_sums(scratch_.d_cell, p_.dnorms.cell);
    add_sums(scratch_.d_cell_bias, p_.dnorms.cell_bias);
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

void rnn_step_backward(Queue& main, Queue& side, RnnPersistent& persistent, const RnnBackward& p) {
  // The product with R overwrites the rows of sequences that have ended, or have not begun.
  SLUICE_CHECK(p.forward.batch->layout != Layout::bucketed || (!p.dhT && !p.dh0),
               "path step: no gradients of first or last states of a bucketed batch");
  dispatch_stored(p.forward.shape.dtype, [&]<class T>() {
    Backward<T> backward(p);
    const bool both = p.forward.shape.directions == 2, at_once = p.forward.path == RnnPath::persistent;
    if (at_once) backward.run_persistent(main, persistent);
    if (both) {
      side.wait_for(main);
      if (!at_once) backward.run_direction(side, 1);
      backward.sum_direction(side, 1);
    }
    if (!at_once) backward.run_direction(main, 0);
    backward.sum_direction(main, 0);
    backward.input_gradient(main, 0);
    if (both) {
      main.wait_for(side);
      backward.input_gradient(main, 1);
    }
  });
}

}  // namespace sluice::cuda
