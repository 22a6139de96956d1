#include <type_traits>

#include "engine/backends/cuda/planned.h"
#include "engine/backends/cuda/rnn_plan.h"
#include "engine/backends/cuda/rnn_step.h"

namespace sluice::cuda {
namespace {

template <class T>
class Forward : StepPass<T> {
 public:
  explicit Forward(const RnnForward& p)
      : StepPass<T>(p), p_(p), scratch_carver_(p.scratch.data), scratch_(scratch_carver_, size_) {}

  // Every step of every direction in one launch.
  void run_persistent(Queue& queue, RnnPersistent& persistent) const {
    if constexpr (!std::is_same_v<T, double>) {
      StepForwardParams<T> directions[2];
      for (int64_t d = 0; d < size_.D; ++d) {
        input_product(queue, d);
        directions[d] = step_params(d);
      }
      persistent.run(queue, p_, directions);
    }
  }

  void run_direction(Queue& queue, int64_t d) {
    const Direction way{d, &host_};
    input_product(queue, d);
    StepForwardParams<T> step = step_params(d);
    load_state(queue, p_.h0, d, step.h);
    if (size_.two_states) load_state(queue, p_.c0, d, step.c);
    if (step.h_operand)
      launch(MaskStateParams<T>{.mask = step.masks.recurrent, .in = reading(step.h), .out = step.h_operand},
             queue.stream());
    for (int64_t k = 0; k < way.steps(); ++k) run_step(queue, way, way.step(k), step);
  }

  void zero_padding(Queue& queue) {
    if (p_.batch->layout != Layout::packed)
      launch(ZeroPaddingParams<T>{places_of(*p_.batch), p_.y.view<T, 2>()}, queue.stream());
  }

 private:
  using typename StepPass<T>::A;
  using StepPass<T>::size_, StepPass<T>::host_;
  using StepPass<T>::slots, StepPass<T>::c_saved, StepPass<T>::state, StepPass<T>::load_state;
  using StepPass<T>::x_hat, StepPass<T>::x_inverse, StepPass<T>::norms;

  View<T, 2> x_product(int64_t d) const {
    return matrix(scratch_.x_product + d * size_.U * size_.G, size_.U, size_.G);
  }

  // x W^T where the cell will save its slots, or beside them over the distinct inputs; with layer
  // normalisation where it will be saved itself.
  void input_product(Queue& queue, int64_t d) const {
    const View<T, 2> out = size_.layer_norm ? x_hat(p_, d) : p_.x_index ? x_product(d) : slots(d);
    queue.gemm(Gemm<T>{.transpose_b = true,
                       .m = out.dims[0],
                       .n = size_.G,
                       .k = size_.E,
                       .a = reading<T, 2>(p_.x).data,
                       .lda = size_.E,
                       .b = reading_part<T>(p_.W, d).data,
                       .ldb = size_.E,
                       .c = out.data,
                       .ldc = out.dims[1]});
    if (size_.layer_norm) launch(NormRowsParams<T>{out, x_inverse(p_, d)}, queue.stream());
  }

  StepForwardParams<T> step_params(int64_t d) const {
    StepForwardParams<T> step;
    step.cell = p_.shape.cell;
    step.masks = step_masks<A>(p_, d);
    step.active_now = active_now(*p_.batch);
    step.column = static_cast<int>(d * size_.H);
    step.norms = norms(p_, d);
    if (size_.layer_norm)
      step.x_pre = reading(x_hat(p_, d));
    else if (p_.x_index)
      step.x_pre = reading(x_product(d));
    step.x_index = reading<int32_t, 1>(p_.x_index);
    step.h_pre = reading(matrix(scratch_.h_pre + d * size_.B * size_.G, size_.B, size_.G));
    step.b = reading<A, 1>(p_.b.at(d));
    step.slots = slots(d);
    step.c_saved = c_saved(d);
    step.h = state(p_.hT, scratch_.h, d);
    if (size_.two_states) step.c = state(p_.cT, scratch_.c, d);
    if (step.masks.dropout || !std::is_same_v<A, T>)
      step.h_operand = matrix(scratch_.h_operand + d * size_.B * size_.H, size_.B, size_.H);
    step.y = p_.y.view<T, 2>();
    return step;
  }

  // What the product with R takes.
  static const T* operand(const StepForwardParams<T>& step) {
    if constexpr (std::is_same_v<A, T>) {
      if (!step.h_operand) return step.h.data;
    }
    return step.h_operand.data;
  }

  void run_step(Queue& queue, const Direction& way, int t, StepForwardParams<T>& step) const {
    step.t = t;
    step.active = way.active(t);
    step.first_row = way.first_row(t);
    queue.gemm(Gemm<T, A>{.transpose_b = true,
                          .m = step.active,
                          .n = size_.G,
                          .k = size_.H,
                          .a = operand(step),
                          .lda = size_.H,
                          .b = reading_part<T>(p_.R, way.d).data,
                          .ldb = size_.H,
                          .c = scratch_.h_pre + way.d * size_.B * size_.G,
                          .ldc = size_.G});
    launch_planned(queue, step);
  }

  const RnnForward& p_;
  Carver scratch_carver_;
  ForwardScratch<T> scratch_;
};

}  // namespace

void rnn_step_forward(Queue& main, Queue& side, RnnPersistent& persistent, const RnnForward& p) {
  dispatch_stored(p.shape.dtype, [&]<class T>() {
    Forward<T> forward(p);
    if (p.path == RnnPath::persistent) {
      forward.run_persistent(main, persistent);
    } else {
      if (p.shape.directions == 2) {
        side.wait_for(main);
        forward.run_direction(side, 1);
      }
      forward.run_direction(main, 0);
      if (p.shape.directions == 2) main.wait_for(side);
    }
    forward.zero_padding(main);
  });
}

}  // namespace sluice::cuda
