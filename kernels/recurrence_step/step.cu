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
#include <type_traits>

#include "kernels/cells/cells.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"
#include "kernels/core/vec.h"
#include "kernels/recurrence_step/masks.cuh"
#include "kernels/recurrence_step/recurrence_step.h"

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

// share * before + (1 - share) * now
template <int W, class T>
__device__ void keep(const Vec<T, W>& share, const Vec<T, W>& before, Vec<T, W>& now) {
#pragma unroll
  for (int i = 0; i < W; ++i) now.at[i] = share.at[i] * before.at[i] + (T(1) - share.at[i]) * now.at[i];
}

// Q slots of units [j, j + W) of a row of [*,Q*H], and back.
template <int Q, int W, class T>
__device__ void load_slots(const T* row, int H, Vec<arithmetic_t<T>, W> (&slots)[Q]) {
#pragma unroll
  for (int q = 0; q < Q; ++q) slots[q] = load<W>(row + q * H);
}
template <int Q, int W, class T>
__device__ void store_slots(T* row, int H, const Vec<arithmetic_t<T>, W> (&slots)[Q]) {
#pragma unroll
  for (int q = 0; q < Q; ++q) store<W>(row + q * H, slots[q]);
}

template <class T>
__device__ void swap(T& a, T& b) {
  const T was = a;
  a = b;
  b = was;
}

// Unit i of each slot.
template <int Q, int W, class T>
__device__ void take(const Vec<T, W> (&slots)[Q], int i, T (&unit)[Q]) {
#pragma unroll
  for (int q = 0; q < Q; ++q) unit[q] = slots[q].at[i];
}
template <int Q, int W, class T>
__device__ void put(const T (&unit)[Q], int i, Vec<T, W> (&slots)[Q]) {
#pragma unroll
  for (int q = 0; q < Q; ++q) slots[q].at[i] = unit[q];
}

// Active rows of step t, of which the host knows `most`; 0 outside the batch's steps.
__device__ int active_at(const View<const int32_t, 1>& now, int t, int most) {
  return now && most > 0 ? now(t) : most;
}

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kStepThreads) step_forward(StepForwardParams<T> p) {
  using A = arithmetic_t<T>;
  constexpr int G = Cell::kGates, S = Cell::kSaved;
  constexpr bool kTwoStates = Cell::kStates == 2;
  const int H = static_cast<int>(p.h.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= active_at(p.active_now, p.t, p.active) - (SLUICE_MUTANT(prefix_off_by_one) ? 1 : 0)) return;
  const int64_t row = p.first_row + b;

  Vec<A, W> x[G], h_pre[G], bias[S], slots[S], prev[Cell::kStates] = {}, next[Cell::kStates];
  load_slots(p.x_index ? p.x_pre.row(p.x_index(row)) + j : p.slots.row(row) + j, H, x);
  load_slots(p.h_pre.row(b) + j, H, h_pre);
  load_slots(p.b.data + j, H, bias);
  if (Cell::kCarriesH || (kRegularised && p.masks.zoneout)) prev[0] = load<W>(p.h.row(b) + j);
  if constexpr (kTwoStates) prev[1] = load<W>(p.c.row(b) + j);
#pragma unroll
  for (int i = 0; i < W; ++i) {
    A unit_x[G], unit_h[G], unit_b[S], unit[S], before[Cell::kStates], after[Cell::kStates];
    take(x, i, unit_x);
    take(h_pre, i, unit_h);
    take(bias, i, unit_b);
    if (SLUICE_MUTANT(gates_swapped)) swap(unit_h[0], unit_h[1]);
    if (SLUICE_MUTANT(recurrence_without_bias)) unit_b[0] = 0;
    take(prev, i, before);
    Cell::forward(unit_x, unit_h, unit_b, before, unit, after);
    put(unit, i, slots);
    put(after, i, next);
  }
  store_slots(p.slots.row(row) + j, H, slots);

  if constexpr (kRegularised) {
    if (p.masks.zoneout) {
      keep(draw<W>(p.masks.hidden, j, b, p.t), prev[0], next[0]);
      if constexpr (kTwoStates) keep(draw<W>(p.masks.cell, j, b, p.t), prev[1], next[1]);
    }
  }
  if constexpr (kRegularised || !std::is_same_v<A, T>) {
    Vec<A, W> operand = next[0];
    if (p.masks.dropout) {
      const Vec<A, W> mask = draw<W>(p.masks.recurrent, j, b);
#pragma unroll
      for (int i = 0; i < W; ++i) operand.at[i] *= mask.at[i];
    }
    if (p.h_operand) store<W>(p.h_operand.row(b) + j, operand);
  }
  if constexpr (kTwoStates) {
    store<W>(p.c.row(b) + j, next[1]);
    store<W>(p.c_saved.row(row) + j, next[1]);
  }
  store<W>(p.h.row(b) + j, next[0]);
  store<W>(p.y.row(row) + p.column + j, next[0]);
}

// The state before the step, where the cell reads it: what the step that forward ran before this one left,
// else the initial state.
template <class Cell, int W, class T>
__device__ void load_before(const StepBackwardParams<T>& p, int b, int j,
                            Vec<arithmetic_t<T>, W> (&prev)[Cell::kStates]) {
  using A = arithmetic_t<T>;
  const bool first = b >= active_at(p.active_now, p.t_before, p.active_before);
  const int64_t row = p.row_before + b;
  if constexpr (Cell::kCarriesH) {
    prev[0] = !first ? load<W>(p.y.row(row) + p.column + j) : p.h0 ? load<W>(p.h0.row(b) + j) : Vec<A, W>{};
  }
  if constexpr (Cell::kStates == 2) {
    prev[1] = !first ? load<W>(p.c_saved.row(row) + j) : p.c0 ? load<W>(p.c0.row(b) + j) : Vec<A, W>{};
  }
}

// Takes from each gradient the share that zoneout hands to the state before, past the cell.
template <int W, class T>
__device__ Vec<T, W> split(const Vec<T, W>& share, Vec<T, W>& d) {
  Vec<T, W> kept;
#pragma unroll
  for (int i = 0; i < W; ++i) {
    kept.at[i] = share.at[i] * d.at[i];
    d.at[i] *= T(1) - share.at[i];
  }
  return kept;
}

template <class Cell, class T, int W, bool kRegularised>
__global__ void __launch_bounds__(kStepThreads) step_backward(StepBackwardParams<T> p) {
  using A = arithmetic_t<T>;
  constexpr int S = Cell::kSaved;
  constexpr bool kTwoStates = Cell::kStates == 2;
  const int H = static_cast<int>(p.dh.dims[1]);
  const auto [b, j] = Place<W>(H);
  if (b >= p.active) return;
  const int64_t row = p.first_row + b;
  if (b >= active_at(p.active_now, p.t, p.active)) {
#pragma unroll
    for (int q = 0; q < S; ++q) store<W>(p.slots.row(row) + q * H + j, Vec<A, W>{});
    return;
  }

  Vec<A, W> slots[S], prev[Cell::kStates] = {}, d[Cell::kStates], kept[Cell::kStates] = {};
  load_slots(p.slots.row(row) + j, H, slots);
  load_before<Cell>(p, b, j, prev);
  const Vec<A, W> dy = load<W>(p.dy.row(row) + p.column + j);
  d[0] = load<W>(p.dh.row(b) + j);
  if constexpr (kTwoStates) d[1] = load<W>(p.dc.row(b) + j);
  if constexpr (kRegularised) {
    if (p.masks.dropout) {
      const Vec<A, W> mask = draw<W>(p.masks.recurrent, j, b), later = load<W>(p.dh_later.row(b) + j);
#pragma unroll
      for (int i = 0; i < W; ++i) d[0].at[i] += mask.at[i] * later.at[i];
    }
  }
#pragma unroll
  for (int i = 0; i < W; ++i) d[0].at[i] += dy.at[i];
  if constexpr (kRegularised) {
    if (p.masks.zoneout) {
      kept[0] = split(draw<W>(p.masks.hidden, j, b, p.t), d[0]);
      if constexpr (kTwoStates) kept[1] = split(draw<W>(p.masks.cell, j, b, p.t), d[1]);
    }
  }

#pragma unroll
  for (int i = 0; i < W; ++i) {
    A unit[S], before[Cell::kStates], unit_d[Cell::kStates];
    take(slots, i, unit);
    take(prev, i, before);
    take(d, i, unit_d);
    Cell::backward(unit, before, unit_d);
    put(unit, i, slots);
#pragma unroll
    for (int q = 0; q < Cell::kStates; ++q) d[q].at[i] = unit_d[q] + kept[q].at[i];
  }
  store_slots(p.slots.row(row) + j, H, slots);
  if constexpr (Cell::kCarriesH || kRegularised) store<W>(p.dh.row(b) + j, d[0]);
  if constexpr (kTwoStates) store<W>(p.dc.row(b) + j, d[1]);
}

template <class T>
bool regularised(const StepMasks<T>& masks) {
  return masks.dropout || masks.zoneout;
}

// Kernels without masks are for W > 1 alone: 24 of each direction in all.
template <class Cell, class T, int W>
auto kernel_for(const StepForwardParams<T>& p) {
  if constexpr (W == 1)
    return step_forward<Cell, T, W, true>;
  else
    return regularised(p.masks) ? step_forward<Cell, T, W, true> : step_forward<Cell, T, W, false>;
}
template <class Cell, class T, int W>
auto kernel_for(const StepBackwardParams<T>& p) {
  if constexpr (W == 1)
    return step_backward<Cell, T, W, true>;
  else
    return regularised(p.masks) ? step_backward<Cell, T, W, true> : step_backward<Cell, T, W, false>;
}

template <class T, class P>
void launch_step(const char* name, const P& p, const Plan& plan, cudaStream_t stream) {
  if (p.active == 0) return;
  constexpr int kWide = kVecWidth<arithmetic_t<T>>;
  dispatch_cell(p.cell, [&]<class Cell>() {
    launch_kernel(name, plan.width > 1 ? kernel_for<Cell, T, kWide>(p) : kernel_for<Cell, T, 1>(p), plan,
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
