// What forward and backward of the path `cudnn` share: the calls of a pass, memory, weights, rows as cuDNN
// takes them. See the notes in rnn_cudnn.h.
#pragma once

#include <vector>

#include "engine/backends/carver.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cudnn/net.h"
#include "kernels/batch/step_block.h"
#include "kernels/cells/cells.h"
#include "kernels/core/vec.h"

namespace sluice::cuda {

struct CudnnSize {
  int64_t B, N, U, E, H, D;
  int64_t states;  // most rows of states that go into the calls of one direction
  size_t weights;  // bytes of a weight space
  int64_t nets;    // networks, each with a weight space: 1, or one for each direction
};

NetShape net_shape(const RnnShape&);
CudnnSize cudnn_size(Cudnn&, const RnnShape&, const MaxShape&);

// From forward to backward.
template <class T>
struct CudnnSaved {
  char* weights;   // [nets] weight spaces
  T *h_in, *c_in;  // [D,states,H] what went into each call
  CudnnSaved(Carver&, const CudnnSize&);
};

// Within one pass.
template <class T>
struct CudnnScratch {
  using A = arithmetic_t<T>;
  char* d_weights;      // [nets] weight spaces
  A *h, *c, *dh, *dc;   // [D,B,H] the states and their gradients, where the caller wants none
  T *h_out, *c_out;     // [D,B,H] what a call gives back, dense
  T *dh_in, *dc_in;     // [D,B,H] gradients that go into a call, dense
  T *x_rows, *dx_rows;  // [N,E] over all rows: distinct inputs, gathered; the gradient
  T *x, *dx;            // [N,E] of one call, dense
  T *y, *dy;            // [N,D*H] of one call, dense
  CudnnScratch(Carver&, const CudnnSize&);
};

// One call of cuDNN: over `steps` steps from `first` on, of the first `active` sequences.
struct NetCall {
  int first = 0, steps = 0, active = 0;
  int64_t net = 0;               // whose weights
  bool reverse = false;          // in time
  int64_t states = 0;            // rows of saved states before its own
  size_t reserve = 0;            // bytes of the reserve before its own
  std::vector<int32_t> lengths;  // [active] of a segment; else they are the batch's
};

// Columns [first, first + width) of rows of `of` columns.
struct Columns {
  int64_t first = 0, width = 0, of = 0;
};

// Tensors as the engine has them: W [D,G*H,E], R [D,G*H,H], b [D,G*H], or their gradients.
struct Parameters {
  Tensor W, R, b;
};

// A pass over one batch, in storage type T. cuDNN has all in T; the engine has biases, states,
// gradients of states and of parameters in the type A that T is computed in. "All rows" are the batch's;
// "dense" ones are a call's, [steps,active,width] in the order in which the call takes its steps.
template <class T>
class CudnnPass {
 public:
  using A = arithmetic_t<T>;

  CudnnPass(Cudnn&, Queue&, const RnnForward&);

  const CudnnSize& size() const { return size_; }
  const std::vector<NetCall>& calls() const { return calls_; }  // in forward's order
  bool has_c() const { return traits_of(net_.cell).states == 2; }
  size_t reserve_bytes() const { return reserve_; }  // of all calls
  const CudnnSaved<T>& saved() const { return saved_; }
  const CudnnScratch<T>& scratch() const { return scratch_; }

  // [nets] weight spaces = ours; the gradients += what such spaces hold.
  void weights_in(const Parameters& ours, char* spaces) const;
  void weights_out(char* spaces, const Parameters& gradients) const;

  // [N,E] over all rows.
  const T* input_rows() const;
  Columns input_columns() const { return {.width = size_.E, .of = size_.E}; }
  Columns output_columns(const NetCall&) const;
  // A call's rows: where they stand, or a dense copy in `scratch`.
  const T* rows_in(const NetCall&, const T* all, const Columns&, T* scratch) const;
  // Where a call writes its rows; rows_back() then brings them home, where they are not there already.
  T* rows_out(const NetCall&, T* all, const Columns&, T* scratch) const;
  void rows_back(const NetCall&, const T* dense, T* all, const Columns&, bool add) const;
  void zero_padding(T* rows, int64_t columns) const;

  // States [D,B,H]: where they are wanted, else in `scratch`; = from, or zero.
  A* load_states(const Tensor& from, const Tensor& wanted, A* scratch) const;
  // Between those and a call's own [directions,active,H].
  void states_in(const NetCall&, const A* all, T* dense) const;
  void states_back(const NetCall&, const T* dense, A* all) const;

  // With the states saved for the call. reserve: of all calls.
  NetPass net_pass(const NetCall&, const T* x, char* reserve) const;

 private:
  void make_calls();
  void add_call(NetCall);
  NetBatch batch_of(const NetCall&) const;
  template <class CopyMatrix, class CopyBias>
  void for_parameters(char* spaces, const Parameters&, const CopyMatrix&, const CopyBias&) const;
  template <class From, class To>
  void copy_parameter(const From*, To*, int64_t rows, int64_t columns, bool add) const;
  bool in_place(const NetCall&, const Columns&) const;
  template <class V>
  StepRows<V> rows_of(const NetCall&, V* all, const Columns&) const;
  template <class V>
  StepRows<V> dense(const NetCall&, V* data, int64_t width) const;
  template <class V>
  StepRows<V> states_of(const NetCall&, V* all) const;
  template <class From, class To>
  void copy_states(const NetCall&, const StepRows<const From>&, const StepRows<To>&) const;

  Cudnn& cudnn_;
  Queue& queue_;
  const RnnForward& p_;
  const HostBatch& host_;
  NetShape net_;
  CudnnSize size_;
  std::vector<NetCall> calls_;
  size_t reserve_ = 0;
  Carver saved_carver_, scratch_carver_;
  CudnnSaved<T> saved_;
  CudnnScratch<T> scratch_;
};

}  // namespace sluice::cuda
