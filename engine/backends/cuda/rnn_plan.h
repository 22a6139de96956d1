// What forward and backward of the path `step` share: sizes, memory, masks, the order of steps.
#pragma once

#include "engine/backend.h"
#include "engine/backends/carver.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cuda/views.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

struct RnnSize {
  int64_t B, T, N, U, E, H, D;  // U: 0 without distinct inputs
  int64_t G, S;                 // gates * H; slots * H, of Note [Slots] in kernels/cells/cell.h
  bool two_states;              // h and c; else h alone
  bool layer_norm;
};
RnnSize rnn_size(const RnnShape&, const MaxShape&);
RnnSize rnn_size(const RnnForward&);

// From forward to backward. T: REAL, A: ACC of Note [Types] in engine/verbs.h.
template <class T>
struct RnnSaved {
  using A = arithmetic_t<T>;
  T* slots;  // [D,N,S] the input product in its first G columns, then what the cell saved, then gradients
  A* c;      // [D,N,H] after zoneout, of cells that have one
  // With layer normalisation: W x [D,M,G] over the M rows of x, and R h [D,N,G], normalised, then their
  // gradients; what they were multiplied by; mean of c and what it was multiplied by.
  T *x_hat, *h_hat;
  A *x_inverse, *h_inverse;  // [D,M] [D,N]
  A *c_mean, *c_inverse;     // [D,N]
  RnnSaved(Carver&, const RnnSize&);
};

template <class T>
struct ForwardScratch {
  using A = arithmetic_t<T>;
  T* x_product;  // [D,U,G]
  A *h, *c;      // [D,B,H] the state, where hT and cT are not wanted
  T* h_operand;  // [D,B,H]
  A* h_pre;      // [D,B,G]
  ForwardScratch(Carver&, const RnnSize&);
};

template <class T>
struct BackwardScratch {
  using A = arithmetic_t<T>;
  A *dh, *dc;               // [D,B,H] where dh0 and dc0 are not wanted
  A* dh_later;              // [D,B,H]
  T* h_before;              // [D,N,H]
  A* d_recurrent;           // [D,B,G] gradients of gains with layer normalisation, for each sequence
  A *d_cell, *d_cell_bias;  // [D,B,H]
  T* distinct_sum;          // [D,U,S] gradients of the slots summed over the rows of each distinct input
  BackwardScratch(Carver&, const RnnSize&);
};

// One direction: its place in every [D,...] tensor and its way through time.
struct Direction {
  int64_t d;
  const HostBatch* host;

  bool reverse() const { return d == 1; }
  int64_t steps() const { return host->steps; }
  // The k-th step that forward computes.
  int step(int64_t k) const { return static_cast<int>(reverse() ? steps() - 1 - k : k); }
  // The step that it computes before step t; may lie outside [0, T).
  int before(int t) const { return reverse() ? t + 1 : t - 1; }
  // Rows of step t that are computed: the active ones, or, in bucketed batches, all: Note [Rows of a replayed
  // step] in kernels/recurrence_step/recurrence_step.h.
  int active(int t) const {
    if (t < 0 || t >= host->steps) return 0;
    return host->layout == Layout::bucketed ? host->row(t + 1, 0) - host->row(t, 0)
                                            : host->active[static_cast<size_t>(t)];
  }
  int64_t first_row(int t) const { return t < 0 || t >= host->steps ? 0 : host->row(t, 0); }
};

template <class A>
StepMasks<A> step_masks(const RnnForward&, int64_t direction);

// The active sequences of each step as kernels must find them where the host may not know them, else null.
inline View<const int32_t, 1> active_now(const Batch& batch) {
  return batch.layout == Layout::bucketed ? reading<int32_t, 1>(batch.active) : View<const int32_t, 1>{};
}

// Entry d of [D,rows,columns], or null of a null tensor.
template <class T>
View<T, 2> part(const Tensor& tensor, int64_t d) {
  return tensor ? tensor.at(d).view<T, 2>() : View<T, 2>{};
}
template <class T>
View<const T, 2> reading_part(const Tensor& tensor, int64_t d) {
  return tensor ? reading<T, 2>(tensor.at(d)) : View<const T, 2>{};
}
template <class T>
View<const T, 2> reading(View<T, 2> view) {
  return {.data = view.data, .dims = {view.dims[0], view.dims[1]}};
}
template <class T>
View<const T, 1> reading(View<T, 1> view) {
  return {.data = view.data, .dims = {view.dims[0]}};
}

// What a pass over a layer reaches in either direction of time.
template <class T>
class StepPass {
 protected:
  using A = arithmetic_t<T>;

  explicit StepPass(const RnnForward& p)
      : size_(rnn_size(p)),
        host_(*p.batch->host),
        saved_carver_(p.saved.data),
        saved_(saved_carver_, size_) {}

  View<T, 2> slots(int64_t d) const { return matrix(saved_.slots + d * size_.N * size_.S, size_.N, size_.S); }
  View<A, 2> c_saved(int64_t d) const {
    return size_.two_states ? matrix(saved_.c + d * size_.N * size_.H, size_.N, size_.H) : View<A, 2>{};
  }
  // With layer normalisation: W x, normalised, of direction d.
  View<T, 2> x_hat(const RnnForward& p, int64_t d) const {
    const int64_t rows = p.x_index ? size_.U : size_.N;
    return matrix(saved_.x_hat + d * rows * size_.G, rows, size_.G);
  }
  View<A, 1> x_inverse(const RnnForward& p, int64_t d) const {
    const int64_t rows = p.x_index ? size_.U : size_.N;
    return {.data = saved_.x_inverse + d * rows, .dims = {rows}};
  }
  // Null without.
  StepNorms<T> norms(const RnnForward& p, int64_t d) const {
    StepNorms<T> n;
    if (!size_.layer_norm) return n;
    const auto of_rows = [&](A* all) { return View<A, 1>{.data = all + d * size_.N, .dims = {size_.N}}; };
    n.input = reading<A, 1>(p.norms.input.at(d));
    n.recurrent = reading<A, 1>(p.norms.recurrent.at(d));
    n.h_hat = matrix(saved_.h_hat + d * size_.N * size_.G, size_.N, size_.G);
    n.h_inverse = of_rows(saved_.h_inverse);
    if (!size_.two_states) return n;
    n.cell = reading<A, 1>(p.norms.cell.at(d));
    n.cell_bias = reading<A, 1>(p.norms.cell_bias.at(d));
    n.c_mean = of_rows(saved_.c_mean);
    n.c_inverse = of_rows(saved_.c_inverse);
    return n;
  }
  // [B,H] of direction d: where the caller wants the last state, else scratch.
  View<A, 2> state(const Tensor& wanted, A* scratch, int64_t d) const {
    return wanted ? part<A>(wanted, d) : matrix(scratch + d * size_.B * size_.H, size_.B, size_.H);
  }

  void load_state(Queue& queue, const Tensor& from, int64_t d, View<A, 2> to) const {
    const size_t bytes = static_cast<size_t>(size_.B * size_.H) * sizeof(A);
    if (from)
      queue.copy(to.data, part<A>(from, d).data, bytes);
    else
      queue.zero(to.data, bytes);
  }

  RnnSize size_;
  const HostBatch& host_;
  Carver saved_carver_;
  RnnSaved<T> saved_;
};

}  // namespace sluice::cuda
