// One time step of a recurrence: gates and cell, forward and backward, fused between the products with R.
//
// Maths:   forward   slots and new state from the cell (kernels/cells); zoneout mixes the new state with the
//                    one before; recurrent dropout masks the h that the next product reads.
//          backward  dh = dy + what the step after left; the cell's gradients, which overwrite the slots.
// Shapes:  slots [N,S*H] slot-major, states [B,H], y [N,D*H]; the rows of the step are a prefix of the batch.
// Grid:    a thread owns W neighbouring units of one row (128 bits of A where H allows it); 256 threads.
// Bytes:   for each unit of each active row, G gates, S slots and n states; s bytes an element of T, a of A;
//          b is shared by all rows. Forward reads x_pre (G s), h_pre (G a), c or the h that the cell carries
//          (a); writes the slots (S s), each state (n a), c_saved ((n - 1) a) and y (s): an LSTM 68 bytes in
//          f32 and 50 in 16 bits, a GRU 52 and 36; and more by a for zoneout where h is not read anyway, by s
//          for the next product's operand where that is not h itself: with dropout, and in 16 bits. Backward
//          reads the slots (S s), c or h before (a or s), dy (s), dh and dc (n a); writes the slots (S s),
//          and dc or the part of dh that passes R (a): an LSTM 52 bytes in f32 and 34 in 16 bits, a GRU 48
//          and 28; and more by a for zoneout or dropout where dh is not written anyway, by a for dropout.
// Bound:   by these bytes at large active * H, else by the launch.
// Sync:    none: each element of every tensor has one owner, who reads it before it writes it (x_pre may lie
//          in the slots; states are updated in place). Steps follow each other in the order of their stream.
// With layer normalisation norm_step.cu takes over. A thread's work is in step.cuh.
#include "kernels/core/launch.cuh"
#include "kernels/recurrence_step/step.cuh"

namespace sluice::cuda {
namespace {

// Where a thread stands: row b of the step, units [j, j + W).
template <int W>
struct Place {
  int b, j;

  __device__ Place(int hidden) {
    const int lanes = hidden / W,
              item = static_cast<int>(blockIdx.x) * kStepThreads + static_cast<int>(threadIdx.x);
    b = item / lanes;
    j = item % lanes * W;
  }
};

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kStepThreads) step_forward(StepForwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int H = static_cast<int>(p.h.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= active_at(p.active_now, p.t, p.active) - (SLUICE_MUTANT(prefix_off_by_one) ? 1 : 0)) return;
  const int64_t row = p.first_row + b;
  Vec<A, W> x[Cell::kGates], h_pre[Cell::kGates], bias[Cell::kSaved], slots[Cell::kSaved];
  Vec<A, W> prev[Cell::kStates] = {}, next[Cell::kStates];
  load_slots(x_pre_of(p, row) + j, H, x);
  load_slots(p.h_pre.row(b) + j, H, h_pre);
  load_slots(p.b.data + j, H, bias);
  load_before<Cell, kRegularised>(p, b, j, prev);
  run_cell<Cell>(x, h_pre, bias, prev, slots, next);
  store_slots(p.slots.row(row) + j, H, slots);
  store_state<Cell, kRegularised>(p, b, j, prev, next);
}

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kStepThreads, 2) step_backward(StepBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  const int H = static_cast<int>(p.dh.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= p.active) return;
  T* row = p.slots.row(p.first_row + b) + j;
  if (b >= active_at(p.active_now, p.t, p.active)) return zero_slots<Cell::kSaved, W>(row, H);
  Vec<A, W> slots[Cell::kSaved], prev[Cell::kStates] = {}, d[Cell::kStates], kept[Cell::kStates] = {};
  load_slots(row, H, slots);
  load_before<Cell>(p, b, j, prev);
  load_gradients<Cell, kRegularised>(p, b, j, d, kept);
  run_cell_backward<Cell>(prev, slots, d);
  store_slots(row, H, slots);
  store_gradients<Cell, kRegularised>(p, b, j, kept, d);
}

// Kernels without masks are for W > 1 alone: 24 of each direction in all.
template <class Cell, class T, int W>
auto kernel_for(const StepForwardParams<T>& p) {
  if constexpr (W == 1)
    return step_forward<Cell, T, W, true>;
  else
    return p.masks.any() ? step_forward<Cell, T, W, true> : step_forward<Cell, T, W, false>;
}
template <class Cell, class T, int W>
auto kernel_for(const StepBackwardParams<T>& p) {
  if constexpr (W == 1)
    return step_backward<Cell, T, W, true>;
  else
    return p.masks.any() ? step_backward<Cell, T, W, true> : step_backward<Cell, T, W, false>;
}

template <class T, class P>
void launch_step(const char* name, const P& p, const Plan& plan, cudaStream_t stream) {
  if (p.active == 0) return;
  if (p.norms) return launch_normed(p, plan, stream);
  dispatch_cell(p.cell, [&]<class Cell>() {
    launch_kernel(name, plan.width > 1 ? kernel_for<Cell, T, kWide<T>>(p) : kernel_for<Cell, T, 1>(p), plan,
                  stream, p);
  });
}

}  // namespace

template <class T>
void launch(const StepForwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  launch_step<T>("step_forward", p, plan, stream);
}

template <class T>
void launch(const StepBackwardParams<T>& p, const Plan& plan, cudaStream_t stream) {
  launch_step<T>("step_backward", p, plan, stream);
}

template void launch(const StepForwardParams<float>&, const Plan&, cudaStream_t);
template void launch(const StepForwardParams<double>&, const Plan&, cudaStream_t);
template void launch(const StepForwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const StepForwardParams<f16>&, const Plan&, cudaStream_t);
template void launch(const StepBackwardParams<float>&, const Plan&, cudaStream_t);
template void launch(const StepBackwardParams<double>&, const Plan&, cudaStream_t);
template void launch(const StepBackwardParams<bf16>&, const Plan&, cudaStream_t);
template void launch(const StepBackwardParams<f16>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
