// The arguments of a backend's verbs (engine/backend.h), one plain struct each; those of a recurrence are in
// engine/recurrence.h.
//
// All tensors lie in the backend's memory. `=` marks outputs that are overwritten, `+=` those that are added
// to. Letters: B sequences, T steps, N rows of a batch, U distinct ids, E input size, H hidden size, G gates,
// D directions, V vocabulary, K classes. Row r of an [N,*] tensor is row(t, b) of the batch (engine/batch.h);
// rows that are padding hold anything on input, NaN too, and are written as zero by every verb that outputs
// [N,*], except where said otherwise.
//
// Note [Types]
// REAL, one throughout a call, is what activations, their gradients and the operands of matrix products are
// stored in: f32, f64, bf16 or f16. ACC is what they are computed and accumulated in: f32 where REAL has 16
// bits, else REAL itself. Rounding to REAL is to nearest, ties to even, once for each element stored. ACC are
// parameters other than matrices, all gradients of parameters, statistics, logits, losses, moments, a
// recurrence's states and their gradients. The CPU backend takes f32 and f64 only.
#pragma once

#include <array>

#include "engine/batch.h"
#include "engine/tensor.h"
#include "kernels/core/philox.h"

namespace sluice {

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

// ---- pooling

// Per sequence, over its valid rows: mean; sqrtn, the sum divided by the root of the length (TensorFlow's
// combiner); max (ties: the earliest step; NaN wins); last (for each direction
// the state after its last step: forward half of the last row, reverse half of the first). A sequence of
// length 0 gives zeros.
enum class Pooling : uint8_t { last, mean, max, sqrtn };

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
  Tensor hits;           // [B] i32 = or null: 1 where the largest logit (ties: the first) is the label's
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
  Tensor hits;           // [B] i32 = or null: 1 where the logits above 0 are those of targets above 1/2
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
  int64_t step = 1;        // counts updates, from 1
  bool keep_idle = false;  // AdamRows only
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
// that momentum alone would have made in between are left out: where every row is touched at every step it
// equals Adam to the bit. keep_idle: the moments stay as the last update left them, as in PyTorch's
// SparseAdam and TensorFlow's LazyAdam; a rare row then moves several times as far, for its first moment adds
// up.
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
  bool keep_idle = false;  // SgdRows only
};

struct Sgd {
  SgdConfig config;
  Tensor w, g, m;
  Tensor scale, now;  // as Adam
};

// For rows of a table; lazy as AdamRows: m *= momentum^(missed updates), but for keep_idle, before the
// update.
struct SgdRows {
  SgdConfig config;
  Tensor ids, g, w, m, touched, scale, now;  // as AdamRows
};

}  // namespace sluice
