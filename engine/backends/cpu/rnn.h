// The recurrent path `cpu`.
//
// Note [Slices]
// The rows of the sorted batch are dealt round robin to P slices, so that all slices are about equally long;
// each (direction, slice) is one task that runs through ALL time steps: product with R on its rows, then the
// cell while they are hot in cache. No task waits for another. P is fixed by the batch and the hidden size.
// A slice keeps its state in its own contiguous rows [first, first + count) of the [D,B,*] scratch, in the
// order b = slice, slice + P, ...; the active rows at a step are a prefix of them.
#pragma once

#include "engine/backend.h"
#include "engine/backends/carver.h"
#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/pool.h"

namespace sluice::cpu {

// Rows of a slice for each step's product: more where R is too large for a core's cache.
inline int slices_of(int sequences, int hidden_size) {
  const int rows = hidden_size <= 256 ? 16 : 32;
  return sequences <= rows ? 1 : (sequences + rows - 1) / rows;
}

RnnBytes rnn_bytes(const RnnShape&, const MaxShape&);
void rnn_forward(Pool&, const RnnForward&);
void rnn_backward(Pool&, const RnnBackward&);

// ---- shared by forward and backward

struct RnnSize {
  int64_t B, T, N, U, E, H, D, P;
  int64_t G, S;           // gates * H; slots * H, of Note [Slots] in kernels/cells/cell.h
  bool two_states;        // h and c; else h alone
  bool carries_h;         // h_prev enters the cell itself
  bool dropout, zoneout;  // recurrent dropout; zoneout of h or of c
  bool layer_norm;

  // Rows of x.
  int64_t inputs(const RnnForward& p) const { return p.x_index ? U : N; }
  // Whether part of dh goes to the step before without passing R.
  bool passes_dh() const { return zoneout || carries_h; }
};
RnnSize rnn_size(const RnnShape&, const MaxShape&);
RnnSize rnn_size(const RnnForward&);

// From forward to backward.
template <class T>
struct RnnSaved {
  T* slots;  // [D,N,S] the input product in its first G columns, then what the cell saved, then gradients
  T* c;      // [D,N,H] the cell state (after zoneout), of cells that have one
  // With layer normalisation: W x [D,M,G] over the M rows of x, and R h [D,N,G], normalised, then their
  // gradients; what they were divided by; mean of c and what it was divided by.
  T *x_hat, *h_hat;
  T *x_inverse, *h_inverse;  // [D,M] [D,N]
  T *c_mean, *c_inverse;     // [D,N]
  RnnSaved(Carver&, const RnnSize&);
};

template <class T>
struct ForwardScratch {
  T* R_transposed;  // [D,H,G]
  T* x_product;     // [D,U,G] of the distinct inputs
  T *h, *c;         // [D,B,H] state, in slice order
  T* h_masked;      // [D,B,H] with recurrent dropout
  T* mask;          // [D,B,H] 0 or 1/(1-p), with recurrent dropout
  T* h_pre;         // [D,B,G] R h
  T *old, *zone;    // [D,P,2,H] the states before a step, and their zoneout factors
  uint32_t* words;  // [D,P,H+4] mask words of a row
  T* scaled;        // [D,P,2,G] with layer normalisation: a row's W x and R h as the cell takes them
  ForwardScratch(Carver&, const RnnSize&);
};

template <class T>
struct BackwardScratch {
  T *dh, *dc;       // [D,B,H] gradients of the state, in slice order
  T* keep;          // [D,B,H] the part of dh that zoneout or the cell carries past the product with R
  T* keep_c;        // [D,P,H] the same of dc, for one row
  T* dh_new;        // [D,P,H] gradient of the cell's own h
  T* mask;          // [D,B,H] as forward's
  T* zone;          // [D,P,2,H] zoneout factors
  T* dbias;         // [D,P,S]
  T* zeros;         // [H]
  T* h_prev;        // [D,N,H] what each row's product with R took
  T* distinct_sum;  // [D,U,G] gradients of W x summed over the rows of each distinct input
  uint32_t* words;  // [D,P,H+4]
  T* dgains;        // [D,P,G+2H] with layer normalisation: of R h, of c, and the bias of c
  T* seen;          // [D,P,3,H] c normalised, gradients of what h sees of c and of the output gate's sum
  BackwardScratch(Carver&, const RnnSize&);
};

// One slice of one direction: where its rows stand.
struct Slice {
  int64_t d, first, count, start, stride;  // b = start + i * stride for i in [0, count)
  int64_t index;                           // of [D,P]
  bool reverse;
  const HostBatch* batch;

  Slice(const RnnSize&, const HostBatch&, int64_t task);
  int64_t sequence(int64_t i) const { return start + i * stride; }
  int64_t row(int64_t t, int64_t i) const { return batch->row(static_cast<int>(t), 0) + sequence(i); }
  // Rows active at step t: a prefix of the slice. 0 outside [0, T).
  int64_t active(int64_t t) const;
  // The step that this direction computes before step t; may lie outside [0, T).
  int64_t before(int64_t t) const { return reverse ? t + 1 : t - 1; }
};

// Direction d of a gain [D,n].
template <class T>
const T* gain(const Tensor& all, int64_t d) {
  return all.at(d).as<T>();
}

// What random masks of one direction multiply with.
template <class T>
class RnnMasks {
 public:
  RnnMasks(const RnnForward&, int64_t direction);
  // mask[j] = 0 or 1/(1-p) for sequence b; all ones when not training.
  void recurrent(int64_t b, uint32_t* words, T* mask) const;
  // zone[j] = the share of the previous value in unit j: 0 or 1 while training, else the probability.
  void zoneout_hidden(int64_t b, int64_t t, uint32_t* words, T* zone) const;
  void zoneout_cell(int64_t b, int64_t t, uint32_t* words, T* zone) const;

 private:
  void zoneout(double p, uint32_t site, int64_t b, int64_t t, uint32_t* words, T* zone) const;
  const RnnShape& shape_;
  StepInfo step_;
  uint32_t site_;
};

}  // namespace sluice::cpu
