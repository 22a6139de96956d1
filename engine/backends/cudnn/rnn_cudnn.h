// The recurrent path `cudnn`: cuDNN's RNN, the reference and rival of the path `step`. no_cudnn.cpp stands
// behind this header in a build without cuDNN.
//
// Note [cuDNN's batches]
// STANDARD takes a ragged batch in one call: packed as SEQ_MAJOR_PACKED, padded as SEQ_MAJOR_UNPACKED, both
// directions together. The persistent algorithms take sequences of one length and no packed layout: a batch
// is cut into segments of steps with the same number of active sequences (engine/backends/segments.h), each
// direction is a network of its own, and the state is carried from segment to segment; the reverse direction
// takes the segments from the last to the first, their steps reversed in time. Either way a pass is a list of
// calls, each over some steps of the first `active` sequences. Sequences of length 0, which cuDNN refuses,
// sort last: no call sees them, and their last state is their first.
//
// Note [cuDNN's memory]
// Weights are copied into cuDNN's weight space before forward, gradients out of one after backward, parameter
// by parameter, to where cudnnGetRNNWeightParams says. The space for a pass in training (reserve) depends on
// steps and sequences by rules of cuDNN's own, not on tokens: no largest batch bounds it. So it is asked for
// each batch and held here, one block for each layer (told by its saved memory), which only grows. A batch
// that was run forward for evaluation has none: should backward follow all the same, each call runs forward
// again before it.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"
#include "engine/backends/cuda/queue.h"

namespace sluice::cuda {

class RnnCudnn {
 public:
  // Memory is the backend's; work is queued on `queue`.
  RnnCudnn(Backend&, Queue&);
  ~RnnCudnn();

  // Why this path cannot take the shape; empty when it can.
  std::string refusal(const RnnShape&);

  RnnBytes bytes(const RnnShape&, const MaxShape&);
  void forward(const RnnForward&);
  void backward(const RnnBackward&);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::cuda
