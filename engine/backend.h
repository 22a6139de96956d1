// The only device seam: coarse verbs, each with one plain argument struct.
//
// A public verb checks shapes and types once and calls the virtual one behind it, which may trust them. All
// tensors lie in the backend's memory. `=` marks outputs that are overwritten, `+=` those that are added to.
// Letters: B sequences, T steps, N rows of a batch, U
// distinct ids, E input size, H hidden size, G gates, D directions, V vocabulary, K classes. Row r of an
// [N,*] tensor is row(t, b) of the batch (engine/batch.h); rows that are padding hold anything on input, NaN
// too, and are written as zero by every verb that outputs [N,*], except where said otherwise.
//
// Note [Types]
// REAL, one throughout a call, is what activations, their gradients and the operands of matrix products are
// stored in: f32, f64, bf16 or f16. ACC is what they are computed and accumulated in: f32 where REAL has 16
// bits, else REAL itself. Rounding to REAL is to nearest, ties to even, once for each element stored. ACC are
// parameters other than matrices, all gradients of parameters, statistics, logits, losses, moments, a
// recurrence's states and their gradients. The CPU backend takes f32 and f64 only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/tensor.h"
#include "kernels/cells/cell.h"
#include "kernels/core/philox.h"

namespace sluice {

class Backend;

// Memory owned by a backend; zero when new. Movable, not copyable.
class Buffer {
 public:
  // Of the device, or of the host where a device can write to it on its own (for read_later()).
  enum class Place : uint8_t { device, host };

  Buffer() = default;
  Buffer(Backend& backend, size_t bytes, const char* what, Place place = Place::device);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Backend* backend_ = nullptr;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Place place_ = Place::device;
};

// What a forward or backward pass must know of the training step it belongs to.
struct StepInfo {
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;                   // counts micro-batches; the key of random masks
  const uint32_t* step_now = nullptr;  // in the backend's memory: taken in place of `step` where not null

  MaskStream masks(uint32_t site) const { return {seed, step, site, step_now}; }
};

// ---- batch

struct BuildMask {
  Tensor lengths;  // [B] i32
  Tensor mask;     // [B,T] u8 =   1 where t < lengths[b]
};

// ---- embedding

// y[r] = table[ids[r]]; zero where the id is -1.
struct Gather {
  Tensor table;  // [V,E] REAL or ACC
  Tensor ids;    // [R] i32, each in [-1, V)
  Tensor y;      // [R,E] REAL =
};

// Sums the rows of each segment: y[u] = sum over s in [segments[u], segments[u+1]) of x[segment_rows[s]], in
// that order.
struct SegmentSum {
  Tensor x;             // [N,E] REAL
  Tensor segments;      // [U+1] i32
  Tensor segment_rows;  // [*] i32
  Tensor y;             // [U,E] REAL or ACC =
};

// y[slots[u]] += x[u]; slots are distinct; those of -1 are left out.
struct ScatterAdd {
  Tensor x;      // [U,E] REAL
  Tensor slots;  // [U] i32
  Tensor y;      // [M,E] ACC +=
};

// ---- recurrence

enum class RnnPath : uint8_t { automatic, cpu, onednn, step, cudnn, persistent };
const char* name_of(RnnPath path);

// What the path cudnn runs, by cuDNN's names (CUDNN_RNN_ALGO_*). All but `standard` know no ragged batches:
// those run in segments of steps with the same number of active sequences.
enum class CudnnAlgorithm : uint8_t { standard, persist_static, persist_dynamic, persist_static_small_h };
const char* name_of(CudnnAlgorithm algorithm);

// One recurrent layer with its input product, in one or both directions. The reverse direction runs each
// sequence from its own last token to its first; y holds [forward | reverse] in the last dimension.
struct RnnShape {
  CellKind cell = CellKind::lstm;
  DType dtype = DType::f32;
  int input_size = 0;   // E
  int hidden_size = 0;  // H
  int directions = 1;   // D, 1 or 2
  // Variational dropout of h_prev (Gal and Ghahramani 2016): one mask for each sequence, direction and unit,
  // the same at every step (t of the mask stream is 0), scaled by 1/(1-p); y and zoneout see the unmasked h.
  double recurrent_dropout = 0;
  // Zoneout (Krueger et al. 2017): each unit of h (of c) keeps its previous value with this probability while
  // training, and is the expectation of both otherwise. h is computed from the new c before c is zoned out.
  double zoneout_hidden = 0, zoneout_cell = 0;
  CudnnAlgorithm cudnn_algorithm = CudnnAlgorithm::standard;  // of the path cudnn; others ignore it
  // Layer normalisation in the cell (Ba, Kiros and Hinton 2016, equations 20 to 22): W x and R h, each as one
  // vector of G*H numbers, become gain * (v - mean) / sqrt(variance + 1e-5) before the cell sums them with b,
  // and so does c, with a bias, on its way into h (h = o tanh(norm(c))); the state c itself stays as it is.
  bool layer_norm = false;
  // Mask sites: the layer owns site + 3 * direction + {0 recurrent dropout, 1 zoneout of h, 2 zoneout of c}.
  uint32_t site = 0;
};

struct RnnBytes {
  size_t saved = 0;    // from forward to backward
  size_t scratch = 0;  // within one call of either
};

// Gains and bias of layer normalisation, or their gradients; all null without it.
struct RnnNorms {
  Tensor input, recurrent;  // [D,G*H]
  Tensor cell, cell_bias;   // [D,H]; null for cells of one state
};

struct RnnForward {
  RnnShape shape;
  RnnPath path = RnnPath::cpu;  // never automatic
  StepInfo step;
  const Batch* batch = nullptr;
  Tensor x;        // [N,E] REAL, finite in padding, or [U,E] when x_index is given
  Tensor x_index;  // [N] i32 or null: row r of the input is x[x_index[r]]
  Tensor W;        // [D,G*H,E] REAL  the order of gates: Note [Slots] in kernels/cells/cell.h
  Tensor R;        // [D,G*H,H] REAL
  Tensor b;        // [D,S*H] ACC
  RnnNorms norms;
  Tensor h0, c0;  // [D,B,H] ACC or null (zero); cells of one state have no c0, cT, dcT, dc0
  Tensor y;       // [N,D*H] REAL =
  // [D,B,H] ACC = or null; the state at each sequence's own end (h0, c0 for a sequence of length 0)
  Tensor hT, cT;
  Tensor saved;    // rnn_bytes().saved bytes of u8 =
  Tensor scratch;  // rnn_bytes().scratch bytes of u8
};

// After forward() with the same shape, path, step, batch, x, x_index, W, R, b, h0, c0, y and saved.
struct RnnBackward {
  RnnForward forward;  // its outputs are inputs here; scratch is free again; saved may be overwritten
  Tensor dy;           // [N,D*H] REAL
  Tensor dhT, dcT;     // [D,B,H] ACC or null (zero)
  Tensor dx;           // [N,E] or [U,E] REAL = (sum over the rows of each distinct input), or null
  Tensor dW, dR, db;   // as W, R, b but ACC +=
  RnnNorms dnorms;     // as norms +=
  Tensor dh0, dc0;     // [D,B,H] ACC = or null
};

// ---- pooling

// Per sequence, over its valid rows: mean; max (ties: the earliest step; NaN wins); last (for each direction
// the state after its last step: forward half of the last row, reverse half of the first). A sequence of
// length 0 gives zeros.
enum class Pooling : uint8_t { last, mean, max };

struct PoolForward {
  Pooling kind = Pooling::mean;
  const Batch* batch = nullptr;
  int directions = 1;  // halves of C, for `last`
  Tensor x;            // [N,C] REAL
  Tensor y;            // [B,ldy] REAL =  columns [column, column + C)
  int column = 0;
  Tensor argmax;  // [B,C] i32 = row of the maximum, -1 for an empty sequence; for max only
};

struct PoolBackward {
  PoolForward forward;
  Tensor dy;  // [B,ldy] REAL, the same columns
  Tensor dx;  // [N,C] REAL +=
};

// ---- batch normalisation, dropout

// Ioffe and Szegedy 2015, over the valid rows of x only. Training: with the batch's mean and (biased)
// variance, and running = (1 - momentum) running + momentum * statistic (variance unbiased, as PyTorch; one
// row: biased). Else: with the running statistics. A training batch without a valid row changes nothing.
struct BatchNormForward {
  const Batch* batch = nullptr;  // null: every row of x is valid
  bool training = false;
  double epsilon = 1e-5, momentum = 0.1;
  Tensor x;                          // [M,C] REAL
  Tensor gamma, beta;                // [C] ACC
  Tensor running_mean, running_var;  // [C] ACC updated while training
  Tensor mean, inverse_std;          // [C] ACC = saved for backward
  Tensor y;                          // [M,C] REAL =  may be x
};

struct BatchNormBackward {
  BatchNormForward forward;  // x as before forward: y must not have been x
  Tensor dy;                 // [M,C] REAL
  Tensor dx;                 // [M,C] REAL =  may be dy
  Tensor dgamma, dbeta;      // [C] ACC +=
};

// y = x * keep / (1 - p), keep drawn from masks. Row r uses mask (row b, step t) of its place in `batch`, or
// (r, 0) without one. Forward and backward are the same verb.
struct Dropout {
  const Batch* batch = nullptr;
  double p = 0;
  MaskStream masks;
  Tensor x;  // [M,C] REAL
  Tensor y;  // [M,C] REAL =  may be x
};

// ---- head

struct LinearForward {
  Tensor x;  // [M,C] REAL
  Tensor W;  // [K,C] REAL
  Tensor b;  // [K] ACC
  Tensor y;  // [M,K] ACC =
};

struct LinearBackward {
  Tensor x, W;  // as forward
  Tensor dy;    // [M,K] REAL
  Tensor dx;    // [M,C] REAL = or null
  Tensor dW;    // [K,C] ACC +=
  Tensor db;    // [K] ACC +=
};

// Softmax cross-entropy with its gradient. Target of row b: (1 - smoothing) at labels[b] plus smoothing / K
// everywhere. losses[b] = weight[labels[b]] * cross-entropy; dlogits = scale * d(sum of losses)/d logits. A
// label of -1: loss and gradient 0.
struct SoftmaxXent {
  Tensor logits;         // [B,K] ACC
  Tensor labels;         // [B] i32
  Tensor class_weights;  // [K] ACC or null (ones)
  double smoothing = 0;
  double scale = 1;
  Tensor scale_now;      // [1] f64: the scale to take in place of `scale`, or null
  Tensor probabilities;  // [B,K] ACC =
  Tensor losses;         // [B] ACC = or null
  Tensor dlogits;        // [B,K] REAL = or null
};

// Independent sigmoids, summed over classes: losses[b] = sum_k weight[k] * binary cross-entropy(logit,
// target), where the target is (1 - smoothing) * t + smoothing / 2.
struct SigmoidXent {
  Tensor logits;         // [B,K] ACC
  Tensor targets;        // [B,K] f32
  Tensor class_weights;  // [K] ACC or null
  double smoothing = 0;
  double scale = 1;
  Tensor scale_now;      // [1] f64: the scale to take in place of `scale`, or null
  Tensor probabilities;  // [B,K] ACC =
  Tensor losses;         // [B] ACC = or null
  Tensor dlogits;        // [B,K] REAL = or null
};

// ---- clipping and optimisers

// to = from, rounded: the operands in 16 bits of parameters that are updated in f32.
struct Convert {
  Tensor from;  // any rank, f32
  Tensor to;    // as many elements, bf16 or f16 =
};

// out[0] += sum of x^2, summed in fixed chunks in f64.
struct SumSquares {
  Tensor x;    // any rank, ACC
  Tensor out;  // [1] f64 +=
};

// What gradients are multiplied by in an update, where they were formed loss_scale times as large as they
// are: scale[0] = min(1, max_norm / norm) / loss_scale with norm = sqrt(sum_squares[0]) / loss_scale; without
// the minimum when max_norm is 0; NaN where the sum is not finite.
struct ClipScale {
  Tensor sum_squares;  // [1] f64
  double max_norm = 0;
  Tensor scale;       // [1] f64 =
  Tensor loss_scale;  // [1] f64 or null (1)
};

// x = clamp(x, -limit * loss_scale, limit * loss_scale); NaN stays NaN, and what is infinite stays so where
// loss_scale is above 1, which is then too large.
struct ClipValue {
  Tensor x;  // any rank, ACC; in place
  double limit = 0;
  Tensor loss_scale;  // [1] f64 or null (1)
};

// average += share * (x - average).
struct Average {
  Tensor x;          // any rank, REAL
  Tensor average;    // as x; in place
  double share = 0;  // in [0, 1]
};

// Every update leaves all as it is where its scale is NaN: a gradient was not finite. Where `now` is given,
// the numbers that change from update to update come from there: Note [Replay].

// AdamW (Loshchilov and Hutter 2019) when decoupled, else Adam with L2 (Kingma and Ba 2015). g = scale *
// gradient; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr * (m / (1 - b1^step)) / (sqrt(v / (1 -
// b2^step)) + epsilon); decay before.
struct AdamConfig {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = true;
  int64_t step = 1;  // counts updates, from 1
};

struct Adam {
  AdamConfig config;
  Tensor w, g, m, v;  // the same shape, ACC
  Tensor scale;       // [1] f64: the clip scale
  Tensor now;         // [4] f64 update_numbers() of a config, or null
};

// What Adam and SGD read from `now` in place of their configuration.
std::array<double, 4> update_numbers(const AdamConfig&);

// The same for rows ids[k] of a table. Note [Lazy rows]: a row's moments are first brought up to date for the
// updates since touched[id], m *= b1^(step - 1 - touched), v likewise, and w decays by (1 - lr *
// weight_decay)^(step - 1 - touched) with today's rate; then the update itself, and touched[id] = step. Moves
// that momentum alone would have made in between are left out (as in TensorFlow's LazyAdam): where every row
// is touched at every step it equals Adam to the bit.
struct AdamRows {
  AdamConfig config;
  Tensor ids;      // [M] i32, distinct; those of -1 are left out
  Tensor g;        // [M,E] ACC
  Tensor w, m, v;  // [V,E] ACC
  Tensor touched;  // [V] i32, the last update that touched each row
  Tensor scale;    // [1] f64
  Tensor now;      // as Adam
};

// Stochastic gradient descent with momentum: m = momentum m + g; w -= lr * m (Nesterov: lr * (g + momentum
// m)); L2 decay in g.
struct SgdConfig {
  double learning_rate = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
  int64_t step = 1;
};

struct Sgd {
  SgdConfig config;
  Tensor w, g, m;
  Tensor scale, now;  // as Adam
};

// For rows of a table; lazy as AdamRows: m *= momentum^(missed updates) before the update.
struct SgdRows {
  SgdConfig config;
  Tensor ids, g, w, m, touched, scale, now;  // as AdamRows
};

// ---- the seam

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string describe() const = 0;     // one line: device, threads, instruction set, libraries
  virtual size_t available_memory() const = 0;  // bytes that can still be allocated
  virtual bool takes(DType) const = 0;          // as REAL of Note [Types]

  void copy_to_device(Tensor device, const void* host);  // device.bytes() bytes
  void copy_to_host(void* host, Tensor device);
  void copy(Tensor from, Tensor to);  // same dtype and size
  void zero(Tensor x);
  virtual void synchronize() = 0;

  // Note [Asynchrony]
  // Verbs are queued and run in order. Nothing in a training step waits for them: what the host sends, it
  // sends by upload() or prefetch(), what it reads comes by read_later() and is looked at a step later.
  // On a backend that is not asynchronous all of it is done at once.
  virtual bool asynchronous() const { return false; }
  // As copy_to_device(), for little that a step needs: takes the bytes and returns.
  void upload(Tensor device, const void* host);
  // The same beside what will be queued from now on, which must not touch `device` before await_prefetched().
  void prefetch(Tensor device, const void* host);
  // What is queued from now on waits for every prefetch so far.
  void await_prefetched();
  // host: within a Buffer of Place::host. Its bytes are there when wait() of a later mark() has returned.
  void read_later(void* host, Tensor device);
  virtual uint64_t mark() { return 0; }
  virtual void wait(uint64_t /*mark*/) {}

  // Note [Replay]
  // Calls verbs(), which calls verbs of this backend; or, where the backend has recorded what an earlier call
  // with the same key queued, queues that again without calling it. So one key must stand for the same verbs
  // with the same arguments, tensors at the same addresses; numbers that differ lie in device memory
  // (step_now, scale_now, now), and batches are bucketed: the one layout of which verbs take the shape from
  // the host and everything else from the device. What verbs() itself computes on the host is not to be
  // counted on.
  using ReplayKey = std::vector<int32_t>;
  virtual bool records() const { return false; }  // whether it ever records
  virtual void replay(const ReplayKey&, const std::function<void()>& verbs) { verbs(); }

  void build_mask(const BuildMask&);
  void gather(const Gather&);
  void segment_sum(const SegmentSum&);
  void scatter_add(const ScatterAdd&);

  // The first path of the table, top to bottom, that takes the shape, or `wanted` itself. `why` gets a line
  // for each path refused. Throws UserError when `wanted` refuses the shape.
  RnnPath choose_path(RnnPath wanted, const RnnShape&, std::string* why);
  RnnBytes rnn_bytes(const RnnShape&, RnnPath, const MaxShape&);
  void rnn_forward(const RnnForward&);
  void rnn_backward(const RnnBackward&);

  void pool_forward(const PoolForward&);
  void pool_backward(const PoolBackward&);
  void batch_norm_forward(const BatchNormForward&);
  void batch_norm_backward(const BatchNormBackward&);
  void dropout(const Dropout&);
  void linear_forward(const LinearForward&);
  void linear_backward(const LinearBackward&);
  void softmax_xent(const SoftmaxXent&);
  void sigmoid_xent(const SigmoidXent&);
  void convert(const Convert&);
  void sum_squares(const SumSquares&);
  void clip_scale(const ClipScale&);
  void clip_value(const ClipValue&);
  void average(const Average&);
  void adam(const Adam&);
  void adam_rows(const AdamRows&);
  void sgd(const Sgd&);
  void sgd_rows(const SgdRows&);

 protected:
  friend class Buffer;
  friend class Verb;
  // Around each verb, for profilers.
  virtual void do_begin(const char* /*verb*/) {}
  virtual void do_end() {}

  virtual void* do_allocate(size_t bytes,
                            const char* what) = 0;  // zeroed, 256-byte aligned; Failure names `what`
  virtual void do_release(void* data, size_t bytes) noexcept = 0;
  virtual void* do_allocate_host(size_t bytes, const char* what);  // as do_allocate
  virtual void do_release_host(void* data, size_t bytes) noexcept;
  virtual void do_copy_to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void do_copy_to_host(void* host, const void* device, size_t bytes) = 0;
  virtual void do_upload(void* device, const void* host, size_t bytes);
  virtual void do_prefetch(void* device, const void* host, size_t bytes);
  virtual void do_await_prefetched() {}
  virtual void do_read_later(void* host, const void* device, size_t bytes);
  virtual void do_copy(const void* from, void* to, size_t bytes) = 0;
  virtual void do_zero(void* data, size_t bytes) = 0;

  virtual void do_build_mask(const BuildMask&) = 0;
  virtual void do_gather(const Gather&) = 0;
  virtual void do_segment_sum(const SegmentSum&) = 0;
  virtual void do_scatter_add(const ScatterAdd&) = 0;
  virtual RnnPath do_choose_path(RnnPath wanted, const RnnShape&, std::string* why) = 0;
  virtual RnnBytes do_rnn_bytes(const RnnShape&, RnnPath, const MaxShape&) = 0;
  virtual void do_rnn_forward(const RnnForward&) = 0;
  virtual void do_rnn_backward(const RnnBackward&) = 0;
  virtual void do_pool_forward(const PoolForward&) = 0;
  virtual void do_pool_backward(const PoolBackward&) = 0;
  virtual void do_batch_norm_forward(const BatchNormForward&) = 0;
  virtual void do_batch_norm_backward(const BatchNormBackward&) = 0;
  virtual void do_dropout(const Dropout&) = 0;
  virtual void do_linear_forward(const LinearForward&) = 0;
  virtual void do_linear_backward(const LinearBackward&) = 0;
  virtual void do_softmax_xent(const SoftmaxXent&) = 0;
  virtual void do_sigmoid_xent(const SigmoidXent&) = 0;
  virtual void do_convert(const Convert&) = 0;
  virtual void do_sum_squares(const SumSquares&) = 0;
  virtual void do_clip_scale(const ClipScale&) = 0;
  virtual void do_clip_value(const ClipValue&) = 0;
  virtual void do_average(const Average&) = 0;
  virtual void do_adam(const Adam&) = 0;
  virtual void do_adam_rows(const AdamRows&) = 0;
  virtual void do_sgd(const Sgd&) = 0;
  virtual void do_sgd_rows(const SgdRows&) = 0;
};

enum class Device : uint8_t { automatic, cpu, cuda };

struct BackendOptions {
  Device device = Device::automatic;
  int index = 0;    // of the GPU, among those that the driver shows
  int threads = 0;  // of the CPU backend; 0: as many as the machine lends
};

// automatic: CUDA where it is built in and a GPU is present, else the CPU, and `why_not_cuda` then gets the
// reason. Throws UserError when the device wanted is not there.
std::unique_ptr<Backend> make_backend(const BackendOptions&, std::string* why_not_cuda = nullptr);

}  // namespace sluice
