// The recurrent path `step`: for each time step a product with R by cuBLAS and one fused kernel. And the
// frame of `persistent`, which differs in the chain through time alone.
//
// Note [Order of the step path]
// forward   all x W^T in one product (over distinct inputs where x_index is given); then for each step t of a
//           direction, over the active prefix of the batch: h_pre = h R^T, step_forward.
// backward  for each step in the other order: step_backward (slots become their gradients, those of W x in
//           the first G columns and those of R h in the last), dh = d(R h) R; then once, over all rows:
//           dR += d(R h)^T h_before, dW += d(W x)^T x, db += column sums of the slots, dx = d(W x) W.
// With layer normalisation W x is normalised by one kernel before the steps, and the gradient of W x made of
// that of the slots by one after them; step_backward leaves the gradient of R h beside the slots.
// Of a bucketed batch all rows of a step are computed, active or not: what is queued is then a function of
// the batch's shape (Note [Rows of a replayed step] in kernels/recurrence_step/recurrence_step.h). The
// directions run on two queues. They share inputs only, until dx, which the main queue sums in a fixed order.
// On the path `persistent`, which takes no bucketed batches, all steps of both directions are one launch.
// Backward's are one or several on a queue of their own, each of a chunk of time, and the sums over the rows
// of those that are done run beside the next, a direction's on its queue (Note [Chunks] in
// kernels/recurrence_persistent/recurrence_persistent.h).
#pragma once

#include "engine/backend.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cuda/rnn_persistent.h"

namespace sluice::cuda {

RnnBytes rnn_step_bytes(const RnnShape&, const MaxShape&);
// By p.path, `step` or `persistent`.
void rnn_step_forward(Queue& main, Queue& side, RnnPersistent&, const RnnForward& p);
void rnn_step_backward(Queue& main, Queue& side, Queue& chain, RnnPersistent&, const RnnBackward& p);

}  // namespace sluice::cuda
