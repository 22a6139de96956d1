#include <algorithm>
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

  // The path `persistent`: the chain of both directions on its own queue; the sums of the rows that it has
  // come past on main's, the reverse direction's on side's.
  void run_persistent(Queue& main, Queue& side, Queue& chain, RnnPersistent& persistent) {
    const auto of = [&](int64_t d) -> Queue& { return d == 0 ? main : side; };
    const int chunks = persistent.chunks(p_), steps = static_cast<int>(size_.T);
    chain.wait_for(main);
    run_chunk(chain, persistent, turns_of_chunk(0, chunks, steps));
    for (int64_t d = 0; d < size_.D; ++d) prepare_sums(main, d);
    for (int c = 0; c < chunks; ++c) {
      main.wait_for(chain);
      if (size_.D == 2) side.wait_for(main);
      if (c + 1 < chunks) run_chunk(chain, persistent, turns_of_chunk(c + 1, chunks, steps));
      const Turns turns = turns_of_chunk(c, chunks, steps);
      for (int64_t d = 0; d < size_.D; ++d) sum_rows(of(d), d, rows_of(turns.steps(d, steps)));
      if (rows_are_inputs()) input_gradients(main, turns);
    }
    if (!rows_are_inputs()) {
      for (int64_t d = 0; d < size_.D; ++d) sum_inputs(of(d), d);
      input_gradient(main, 0, all_inputs());
    }
    if (size_.D == 1) return;
    main.wait_for(side);
    if (!rows_are_inputs()) input_gradient(main, 1, all_inputs());
  }

  // The path `step`: a direction on its queue.
  void run_steps(Queue& main, Queue& side) {
    const auto run_direction = [&](Queue& queue, int64_t d) {
      run_chain(queue, Direction{d, &host_});
      prepare_sums(queue, d);
      sum_rows(queue, d, {0, size_.N});
      sum_inputs(queue, d);
    };
    if (size_.D == 2) {
      side.wait_for(main);
      run_direction(side, 1);
    }
    run_direction(main, 0);
    input_gradient(main, 0, all_inputs());
    if (size_.D == 1) return;
    main.wait_for(side);
    input_gradient(main, 1, all_inputs());
  }

 private:
  using typename StepPass<T>::A;
  using StepPass<T>::size_, StepPass<T>::host_;
  using StepPass<T>::slots, StepPass<T>::c_saved, StepPass<T>::state, StepPass<T>::load_state;
  using StepPass<T>::x_hat, StepPass<T>::x_inverse, StepPass<T>::norms;

  struct Rows {
    int64_t begin, end;
  };
  template <class U>
  static View<const U, 2> part_of(View<const U, 2> all, Rows rows) {
    return {.data = all.row(rows.begin), .dims = {rows.end - rows.begin, all.dims[1]}};
  }
  Rows rows_of(Steps steps) const { return {host_.row(steps.begin, 0), host_.row(steps.end, 0)}; }
  Rows all_inputs() const { return {0, forward_.x_index ? size_.U : size_.N}; }
  // Whether the gradient of W x of a row is known as soon as that of its slots.
  bool rows_are_inputs() const { return !forward_.x_index && !size_.layer_norm; }

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

  // These turns of every direction in one launch. What passes to later ones lies where `step` has its states.
  void run_chunk(Queue& queue, RnnPersistent& persistent, Turns turns) const {
    if constexpr (!std::is_same_v<T, double>) {
      StepBackwardParams<T> directions[2];
      for (int64_t d = 0; d < size_.D; ++d) {
        directions[d] = step_params(d);
        directions[d].dh = state({}, scratch_.dh, d);
        if (size_.two_states) directions[d].dc = state({}, scratch_.dc, d);
      }
      persistent.run(queue, p_, directions, turns);
    }
  }

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

  // ---- sums over rows

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

  View<T, 2> h_before(int64_t d) const {
    return matrix(scratch_.h_before + d * size_.N * size_.H, size_.N, size_.H);
  }

  // What sums over rows take beside the chain's gradients.
  void prepare_sums(Queue& queue, int64_t d) const {
    if (forward_.batch->layout == Layout::padded) {
      launch(ZeroPaddingParams<T>{places_of(*forward_.batch), slots(d)}, queue.stream());
      if (size_.layer_norm)
        launch(ZeroPaddingParams<T>{places_of(*forward_.batch), norms(forward_, d).h_hat}, queue.stream());
    }
    const StepMasks<A> masks = step_masks<A>(forward_, d);
    launch(HBeforeParams<T>{.places = places_of(*forward_.batch),
                            .reverse = d == 1,
                            .column = static_cast<int>(d * size_.H),
                            .mask = masks.recurrent,
                            .y = reading<T, 2>(forward_.y),
                            .h0 = reading_part<A>(forward_.h0, d),
                            .out = h_before(d)},
           queue.stream());
  }

  void sum_rows(Queue& queue, int64_t d, Rows rows) const {
    add_product(queue, part_of(recurrent_side(d), rows), part_of(reading(h_before(d)), rows),
                part<A>(p_.dR, d));
    if (rows_are_inputs())
      add_product(queue, part_of(input_side(d), rows), part_of(reading<T, 2>(forward_.x), rows),
                  part<A>(p_.dW, d));
    add_column_sums(queue, part_of(reading(slots(d)), rows), p_.db.at(d).view<A, 1>());
  }

  // What sum_rows() leaves out: sums over inputs that are not the rows themselves.
  void sum_inputs(Queue& queue, int64_t d) const {
    if (rows_are_inputs()) return;
    if (forward_.x_index) sum_distinct(queue, d);
    if (size_.layer_norm) through_norms(queue, d);
    add_product(queue, input_side(d), reading<T, 2>(forward_.x), part<A>(p_.dW, d));
  }

  // dx = the sum over directions of d(W x) W; direction 0 first.
  void input_gradient(Queue& queue, int64_t d, Rows rows) const {
    if (!p_.dx) return;
    const View<const T, 2> d_input = part_of(input_side(d), rows);
    queue.gemm(Gemm<T>{.m = d_input.dims[0],
                       .n = size_.E,
                       .k = size_.G,
                       .a = d_input.data,
                       .lda = d_input.dims[1],
                       .b = reading_part<T>(forward_.W, d).data,
                       .ldb = size_.E,
                       .c = p_.dx.view<T, 2>().row(rows.begin),
                       .ldc = size_.E,
                       .accumulate = d > 0});
  }

  // The same of the rows that a chunk of the chain makes known. Direction 1 adds to a row once both have come
  // past it: of all turns so far, to steps [T - end, end).
  void input_gradients(Queue& queue, Turns turns) const {
    const int steps = static_cast<int>(size_.T);
    input_gradient(queue, 0, rows_of(turns.steps(0, steps)));
    if (size_.D == 1) return;
    const auto known = [&](int end) {
      return Steps{std::min(steps - end, steps / 2), std::max(end, steps / 2)};
    };
    const Steps before = known(turns.begin), now = known(turns.end);
    if (before.begin == before.end) return input_gradient(queue, 1, rows_of(now));
    input_gradient(queue, 1, rows_of({now.begin, before.begin}));
    input_gradient(queue, 1, rows_of({before.end, now.end}));
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

void rnn_step_backward(Queue& main, Queue& side, Queue& chain, RnnPersistent& persistent,
                       const RnnBackward& p) {
  // The product with R overwrites the rows of sequences that have ended, or have not begun.
  SLUICE_CHECK(p.forward.batch->layout != Layout::bucketed || (!p.dhT && !p.dh0),
               "path step: no gradients of first or last states of a bucketed batch");
  dispatch_stored(p.forward.shape.dtype, [&]<class T>() {
    Backward<T> backward(p);
    if (p.forward.path == RnnPath::persistent)
      backward.run_persistent(main, side, chain, persistent);
    else
      backward.run_steps(main, side);
  });
}

}  // namespace sluice::cuda
