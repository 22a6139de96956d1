#include "engine/backends/cuda/rnn_plan.h"
#include "engine/backends/cuda/rnn_step.h"

namespace sluice::cuda {
namespace {

template <class T>
class Forward : StepPass<T> {
 public:
  explicit Forward(const RnnForward& p)
      : StepPass<T>(p), p_(p), scratch_carver_(p.scratch.data), scratch_(scratch_carver_, size_) {}

  void run_direction(Queue& queue, int64_t d) {
    const Direction way{d, &host_};
    input_product(queue, d);
    const View<T, 2> h = state(p_.hT, scratch_.h, d), c = state(p_.cT, scratch_.c, d);
    load_state(queue, p_.h0, d, h);
    load_state(queue, p_.c0, d, c);
    StepForwardParams<T> step = step_params(d, h, c);
    if (step.masks.dropout)
      launch(MaskStateParams<T>{.mask = step.masks.recurrent, .in = reading(h), .out = step.h_masked},
             queue.stream());
    for (int64_t k = 0; k < way.steps(); ++k) run_step(queue, way, way.step(k), step);
  }

  void zero_padding(Queue& queue) {
    if (p_.batch->layout != Layout::packed)
      launch(ZeroPaddingParams<T>{places_of(*p_.batch), p_.y.view<T, 2>()}, queue.stream());
  }

 private:
  using StepPass<T>::size_, StepPass<T>::host_, StepPass<T>::saved_;
  using StepPass<T>::gates, StepPass<T>::state, StepPass<T>::load_state;

  // x W^T, where the gates will be, or beside them over the distinct inputs.
  View<T, 2> x_pre(int64_t d) const {
    return p_.x_index ? matrix(scratch_.x_product + d * size_.U * size_.G, size_.U, size_.G) : gates(d);
  }

  void input_product(Queue& queue, int64_t d) const {
    const View<T, 2> out = x_pre(d);
    queue.gemm(Gemm<T>{.transpose_b = true,
                       .m = out.dims[0],
                       .n = size_.G,
                       .k = size_.E,
                       .a = reading<T, 2>(p_.x).data,
                       .lda = size_.E,
                       .b = reading_part<T>(p_.W, d).data,
                       .ldb = size_.E,
                       .c = out.data,
                       .ldc = size_.G});
  }

  StepForwardParams<T> step_params(int64_t d, View<T, 2> h, View<T, 2> c) const {
    StepForwardParams<T> step;
    step.cell = p_.shape.cell;
    step.masks = step_masks<T>(p_, d);
    step.active_now = active_now(*p_.batch);
    step.column = static_cast<int>(d * size_.H);
    step.x_pre = reading(x_pre(d));
    step.x_index = reading<int32_t, 1>(p_.x_index);
    step.h_pre = reading(matrix(scratch_.h_pre + d * size_.B * size_.G, size_.B, size_.G));
    step.b = reading<T, 1>(p_.b.at(d));
    step.gates = gates(d);
    step.c_saved = matrix(saved_.c + d * size_.N * size_.H, size_.N, size_.H);
    step.h = h;
    step.c = c;
    if (step.masks.dropout) step.h_masked = state({}, scratch_.h_masked, d);
    step.y = p_.y.view<T, 2>();
    return step;
  }

  void run_step(Queue& queue, const Direction& way, int t, StepForwardParams<T>& step) const {
    step.t = t;
    step.active = way.active(t);
    step.first_row = way.first_row(t);
    queue.gemm(Gemm<T>{.transpose_b = true,
                       .m = step.active,
                       .n = size_.G,
                       .k = size_.H,
                       .a = step.masks.dropout ? step.h_masked.data : step.h.data,
                       .lda = size_.H,
                       .b = reading_part<T>(p_.R, way.d).data,
                       .ldb = size_.H,
                       .c = scratch_.h_pre + way.d * size_.B * size_.G,
                       .ldc = size_.G});
    launch(step, queue.stream());
  }

  const RnnForward& p_;
  Carver scratch_carver_;
  ForwardScratch<T> scratch_;
};

}  // namespace

void rnn_step_forward(Queue& main, Queue& side, const RnnForward& p) {
  dispatch_real(p.shape.dtype, [&]<class T>() {
    Forward<T> forward(p);
    if (p.shape.directions == 2) {
      side.wait_for(main);
      forward.run_direction(side, 1);
    }
    forward.run_direction(main, 0);
    if (p.shape.directions == 2) main.wait_for(side);
    forward.zero_padding(main);
  });
}

}  // namespace sluice::cuda
