// One time step of a recurrence, forward and backward: everything but the two products with R around it.
//
// A direction's pass is, for its steps in order, h_pre = h R^T (a GEMM over the active prefix) and
// StepForward; backward, StepBackward and dh += d_slots R. What lies before, between and after all steps is
// in the smaller kernels below. Rows of a step: [first_row, first_row + active) of every [N,*] tensor, row b
// of every [B,*] one. G gates and S slots: Note [Slots] in kernels/cells/cell.h.
//
// T is what rows, slots and the operands of products are stored in. What is carried from step to step, and
// what a product with R leaves, has the type A that T is computed in: nothing is rounded between a product
// and the gates.
#pragma once

#include <cstdint>

#include "kernels/batch/rows.h"
#include "kernels/cells/cells.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/philox.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

// Recurrent dropout: one mask for each (sequence, unit), the same at all steps; threshold 0 for none.
template <class T>
struct DropoutMask {
  MaskStream stream;
  uint32_t threshold = 0;
  T scale = 1;  // of what is kept: 1 / (1 - p)
};

// The share of the state before that a unit keeps: 0 or 1, drawn for each step, where threshold > 0; else
// `share`.
template <class T>
struct ZoneoutMask {
  MaskStream stream;
  uint32_t threshold = 0;
  T share = 0;
};

template <class T>
struct StepMasks {
  bool dropout = false, zoneout = false;
  DropoutMask<T> recurrent;
  ZoneoutMask<T> hidden, cell;

  SLUICE_HD bool any() const { return dropout || zoneout; }
};

// Layer normalisation in the cell; null views without it, those of the cell null for a cell of one state.
template <class T>
struct StepNorms {
  using A = arithmetic_t<T>;
  View<const A, 1> input, recurrent;  // [G*H] gains
  View<const A, 1> cell, cell_bias;   // [H]
  View<T, 2> h_hat;                   // [N,G*H] forward = R h normalised; backward = gradient of R h
  View<A, 1> h_inverse;               // [N] what R h was multiplied by
  View<A, 1> c_mean, c_inverse;       // [N] of c
  // Backward: for each sequence, summed over the steps so far, +=.
  View<A, 2> d_recurrent;          // [B,G*H]
  View<A, 2> d_cell, d_cell_bias;  // [B,H]
  bool from_zero = false;          // h0 is null and its gradient not wanted: Note [A state of zeros]

  SLUICE_HD explicit operator bool() const { return input.data != nullptr; }
  bool aligned() const {
    return aligned_to_vec(input.data, recurrent.data, cell.data, cell_bias.data, h_hat.data, d_recurrent.data,
                          d_cell.data, d_cell_bias.data);
  }
};

// Note [A state of zeros]
// R h of a state of zeros, which most sequences begin with, is zero whatever R is; and where nobody asks for
// the gradient of that state, nothing depends on that of R h. Layer normalisation would multiply it by
// 1 / sqrt(1e-5) = 316: alone among the steps, that one would overflow in f16, and make a loss scale two
// orders of magnitude smaller than any gradient that matters asks for. With `from_zero` it is zero, or NaN.

// Note [Rows of a replayed step]
// A launch that will be replayed for other batches must not know how many sequences are active at its step:
// `active` is then only the rows that the step has at most, and active_now[t] the active ones. Forward leaves
// the other rows alone; backward makes their slots zero and, with layer normalisation, their h_hat: gradients
// that the products of all rows add up.

template <class T>
struct StepForwardParams {
  using A = arithmetic_t<T>;
  CellKind cell = CellKind::lstm;
  StepMasks<A> masks;
  int64_t first_row = 0;
  int active = 0, t = 0;
  View<const int32_t, 1> active_now;  // [T] or null: Note [Rows of a replayed step]
  int column = 0;                     // of this direction in y
  StepNorms<T> norms;
  View<const T, 2> x_pre;  // [N,G*H] W x, or null: it lies in slots [0,G) of `slots`; normalised, with norms
  View<const int32_t, 1> x_index;  // [N] or null: row r takes row x_index[r] of x_pre [U,G*H]
  View<const A, 2> h_pre;          // [B,G*H] R h
  View<const A, 1> b;              // [S*H]
  View<T, 2> slots;                // [N,S*H] = what the cell saves
  View<A, 2> c_saved;              // [N,H] = c, after zoneout; null, as c, for a cell of one state
  View<A, 2> h, c;                 // [B,H] the state, in and out
  View<T, 2> h_operand;            // [B,H] = mask * h, which the next product takes; null where that is h
  View<T, 2> y;                    // [N,D*H] = h, columns [column, column + H)
};

template <class T>
struct StepBackwardParams {
  using A = arithmetic_t<T>;
  CellKind cell = CellKind::lstm;
  StepMasks<A> masks;
  int64_t first_row = 0, row_before = 0;  // of the step that forward computed before this one
  int active = 0, active_before = 0, t = 0, t_before = 0;
  View<const int32_t, 1> active_now;  // [T] or null: Note [Rows of a replayed step]
  int column = 0;                     // of this direction in y and dy
  StepNorms<T> norms;
  View<T, 2> slots;           // [N,S*H] forward's; = gradients
  View<const T, 2> y;         // [N,D*H] forward's h
  View<const A, 2> c_saved;   // [N,H]; null, as c0 and dc, for a cell of one state
  View<const A, 2> h0, c0;    // [B,H] or null (zero)
  View<const T, 2> dy;        // [N,D*H]
  View<A, 2> dh;              // [B,H] from the step after; = what goes past the product with R (passes_dh)
  View<const A, 2> dh_later;  // [B,H] with recurrent dropout, the step after's product with R; else null
  View<A, 2> dc;              // [B,H] in and out

  // Whether the kernel leaves in dh what zoneout and the cell hand to the step before past the product with
  // R, for that product to be added to; else dh is for the product to overwrite.
  bool passes_dh() const { return masks.any() || traits_of(cell).carries_h; }
};

// Layer normalisation of rows: x = (x - mean) / sqrt(variance + 1e-5), in place.
template <class T>
struct NormRowsParams {
  using A = arithmetic_t<T>;
  View<T, 2> x;        // [M,C]
  View<A, 1> inverse;  // [M] = 1 / sqrt(variance + 1e-5)
};

// hat, x of NormRowsParams, becomes the gradient of what was normalised.
template <class T>
struct NormRowsBackwardParams {
  using A = arithmetic_t<T>;
  View<const T, 2> d;        // [M,>=C] gradient of gain * hat in the first C columns
  View<const A, 1> gain;     // [C]
  View<const A, 1> inverse;  // [M]
  View<T, 2> hat;            // [M,C] in and out
};

// out = mask * in, or += .
template <class T>
struct MaskStateParams {
  using A = arithmetic_t<T>;
  DropoutMask<A> mask;
  bool add = false;
  View<const A, 2> in;  // [B,H]
  View<T, 2> out;       // [B,H]; may be `in`
};

// What each row's product with R took: mask times h of the step before, else of h0; zero in padding.
template <class T>
struct HBeforeParams {
  using A = arithmetic_t<T>;
  RowPlaces places;
  bool reverse = false;
  int column = 0;
  DropoutMask<A> mask;
  View<const T, 2> y;   // [N,D*H]
  View<const A, 2> h0;  // [B,H] or null (zero)
  View<T, 2> out;       // [N,H] =
};

// x = 0 in the rows that are padding.
template <class T>
struct ZeroPaddingParams {
  RowPlaces places;
  View<T, 2> x;  // [N,C]
};

// All that a step's plan depends on.
struct StepShape {
  int64_t hidden = 0, active = 0;
  int slots = 0;  // of a unit
  int width = 1;  // units that a thread may take at once
  bool normed = false;
};
constexpr int kStepThreads = 256;
constexpr int kNormThreads = 128;  // with layer normalisation: of a block, which takes a row
PlanResult plan_step(const StepShape&, const DeviceProps&);

// A thread takes 128 bits of what is computed in; those stored in 16 bits are then 64 bits, and registers as
// many as in f32.
template <class T>
PlanResult plan(const StepForwardParams<T>& p, const DeviceProps& device) {
  const int64_t hidden = p.h.dims[1];
  const bool aligned = aligned_to_vec(p.x_pre.data, p.h_pre.data, p.b.data, p.slots.data, p.c_saved.data,
                                      p.h.data, p.c.data, p.h_operand.data, p.y.data) &&
                       p.norms.aligned();
  return plan_step({hidden, p.active, traits_of(p.cell).saved,
                    vector_width(sizeof(arithmetic_t<T>), hidden, aligned), bool(p.norms)},
                   device);
}
template <class T>
PlanResult plan(const StepBackwardParams<T>& p, const DeviceProps& device) {
  const int64_t hidden = p.dh.dims[1];
  const bool aligned = aligned_to_vec(p.slots.data, p.y.data, p.c_saved.data, p.h0.data, p.c0.data, p.dy.data,
                                      p.dh.data, p.dh_later.data, p.dc.data) &&
                       p.norms.aligned();
  return plan_step({hidden, p.active, traits_of(p.cell).saved,
                    vector_width(sizeof(arithmetic_t<T>), hidden, aligned), bool(p.norms)},
                   device);
}

template <class T>
void launch(const StepForwardParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch(const StepBackwardParams<T>&, const Plan&, cudaStream_t);
template <class T>
void launch(const NormRowsParams<T>&, cudaStream_t);
template <class T>
void launch(const NormRowsBackwardParams<T>&, cudaStream_t);
template <class T>
void launch(const MaskStateParams<T>&, cudaStream_t);
template <class T>
void launch(const HBeforeParams<T>&, cudaStream_t);
template <class T>
void launch(const ZeroPaddingParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
