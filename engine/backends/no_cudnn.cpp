#include "engine/backends/cudnn/rnn_cudnn.h"

namespace sluice::cuda {

class RnnCudnn::State {};

RnnCudnn::RnnCudnn(Backend&, Queue&) {}
RnnCudnn::~RnnCudnn() = default;

std::string RnnCudnn::refusal(const RnnShape&) {
  return "this build has no cuDNN";
}

// Not reached: every shape is refused.
RnnBytes RnnCudnn::bytes(const RnnShape& shape, const MaxShape&) {
  throw Failure("rnn.path = cudnn: {}", refusal(shape));
}
void RnnCudnn::forward(const RnnForward& p) {
  throw Failure("rnn.path = cudnn: {}", refusal(p.shape));
}
void RnnCudnn::backward(const RnnBackward& p) {
  throw Failure("rnn.path = cudnn: {}", refusal(p.forward.shape));
}

}  // namespace sluice::cuda
