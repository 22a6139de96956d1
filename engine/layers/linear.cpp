#include "engine/layers/linear.h"

#include "engine/init.h"

namespace sluice {

void Linear::declare(Params& params) {
  W_ = params.declare(name_ + ".weight", {outputs_, inputs_}, true, glorot(inputs_, outputs_));
  b_ = params.declare(name_ + ".bias", {outputs_}, false, constant(0));
}

void Linear::forward(Backend& backend, const Params& params, Tensor x, Tensor y) {
  backend.linear_forward({.x = x, .W = params.operand(W_), .b = params.value(b_), .y = y});
}

void Linear::backward(Backend& backend, const Params& params, Tensor x, Tensor dy, Tensor dx) {
  backend.linear_backward({.x = x,
                           .W = params.operand(W_),
                           .dy = dy,
                           .dx = dx,
                           .dW = params.gradient(W_),
                           .db = params.gradient(b_)});
}

}  // namespace sluice
