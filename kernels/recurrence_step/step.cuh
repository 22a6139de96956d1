// What the kernels of one time step share: a thread's W neighbouring units of a row, from loads to stores.
#pragma once

#include <type_traits>

#include "kernels/cells/cells.h"
#include "kernels/core/mutant.h"
#include "kernels/core/vec.h"
#include "kernels/recurrence_step/masks.cuh"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

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

template <int Q, int W, class T>
__device__ void zero_slots(T* row, int H) {
#pragma unroll
  for (int q = 0; q < Q; ++q) store<W>(row + q * H, Vec<arithmetic_t<T>, W>{});
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

// Active rows of step t, of which the host knows `most`; 0 outside the batch's steps.
__device__ inline int active_at(const View<const int32_t, 1>& now, int t, int most) {
  return now && most > 0 ? now(t) : most;
}

// W x of row `row` of the batch.
template <class T>
__device__ const T* x_pre_of(const StepForwardParams<T>& p, int64_t row) {
  if (!p.x_pre) return p.slots.row(row);
  return p.x_pre.row(p.x_index ? p.x_index(row) : row);
}

// The state before the step, where the cell or zoneout reads it.
template <class Cell, bool kRegularised, int W, class T>
__device__ void load_before(const StepForwardParams<T>& p, int b, int j,
                            Vec<arithmetic_t<T>, W> (&prev)[Cell::kStates]) {
  if (Cell::kCarriesH || (kRegularised && p.masks.zoneout)) prev[0] = load<W>(p.h.row(b) + j);
  if constexpr (Cell::kStates == 2) prev[1] = load<W>(p.c.row(b) + j);
}

template <class Cell, int W, class A>
__device__ void run_cell(const Vec<A, W> (&x)[Cell::kGates], const Vec<A, W> (&h)[Cell::kGates],
                         const Vec<A, W> (&bias)[Cell::kSaved], const Vec<A, W> (&prev)[Cell::kStates],
                         Vec<A, W> (&slots)[Cell::kSaved], Vec<A, W> (&next)[Cell::kStates]) {
#pragma unroll
  for (int i = 0; i < W; ++i) {
    A unit_x[Cell::kGates], unit_h[Cell::kGates], unit_b[Cell::kSaved], unit[Cell::kSaved];
    A before[Cell::kStates], after[Cell::kStates];
    take(x, i, unit_x);
    take(h, i, unit_h);
    take(bias, i, unit_b);
    if (SLUICE_MUTANT(gates_swapped)) swap(unit_h[0], unit_h[1]);
    if (SLUICE_MUTANT(recurrence_without_bias)) unit_b[0] = 0;
    take(prev, i, before);
    Cell::forward(unit_x, unit_h, unit_b, before, unit, after);
    put(unit, i, slots);
    put(after, i, next);
  }
}

// Zoneout, recurrent dropout, and the new state to all who want it.
template <class Cell, bool kRegularised, int W, class T>
__device__ void store_state(const StepForwardParams<T>& p, int b, int j,
                            const Vec<arithmetic_t<T>, W> (&prev)[Cell::kStates],
                            Vec<arithmetic_t<T>, W> (&next)[Cell::kStates]) {
  using A = arithmetic_t<T>;
  constexpr bool kTwoStates = Cell::kStates == 2;
  const int64_t row = p.first_row + b;
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

// Gradients of the new state: what goes through the cell, and what zoneout hands to the state before past it.
template <class Cell, bool kRegularised, int W, class T>
__device__ void load_gradients(const StepBackwardParams<T>& p, int b, int j,
                               Vec<arithmetic_t<T>, W> (&d)[Cell::kStates],
                               Vec<arithmetic_t<T>, W> (&kept)[Cell::kStates]) {
  using A = arithmetic_t<T>;
  constexpr bool kTwoStates = Cell::kStates == 2;
  const Vec<A, W> dy = load<W>(p.dy.row(p.first_row + b) + p.column + j);
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
}

template <class Cell, int W, class A>
__device__ void run_cell_backward(const Vec<A, W> (&prev)[Cell::kStates], Vec<A, W> (&slots)[Cell::kSaved],
                                  Vec<A, W> (&d)[Cell::kStates]) {
#pragma unroll
  for (int i = 0; i < W; ++i) {
    A unit[Cell::kSaved], before[Cell::kStates], unit_d[Cell::kStates];
    take(slots, i, unit);
    take(prev, i, before);
    take(d, i, unit_d);
    Cell::backward(unit, before, unit_d);
    put(unit, i, slots);
    put(unit_d, i, d);
  }
}

// Gradients for the state before, past the product with R.
template <class Cell, bool kRegularised, int W, class T>
__device__ void store_gradients(const StepBackwardParams<T>& p, int b, int j,
                                const Vec<arithmetic_t<T>, W> (&kept)[Cell::kStates],
                                Vec<arithmetic_t<T>, W> (&d)[Cell::kStates]) {
#pragma unroll
  for (int k = 0; k < Cell::kStates; ++k)
#pragma unroll
    for (int i = 0; i < W; ++i) d[k].at[i] += kept[k].at[i];
  if constexpr (Cell::kCarriesH || kRegularised) store<W>(p.dh.row(b) + j, d[0]);
  if constexpr (Cell::kStates == 2) store<W>(p.dc.row(b) + j, d[1]);
}

// Units that a thread takes: 128 bits of what they are computed in; those stored in 16 bits are then 64 bits,
// and registers as many as in f32.
template <class T>
inline constexpr int kWide = kVecWidth<arithmetic_t<T>>;

// The steps of a recurrence with layer normalisation in the cell (norm_step.cu).
template <class T>
void launch_normed(const StepForwardParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch_normed(const StepBackwardParams<T>&, const Plan&, cudaStream_t);

}  // namespace sluice::cuda
