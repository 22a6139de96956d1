#include "engine/layers/batch_norm.h"

#include "engine/init.h"

namespace sluice {

void BatchNorm::declare(Params& params) {
  gamma_ = params.declare(name_ + ".weight", {columns_}, false, constant(1));
  beta_ = params.declare(name_ + ".bias", {columns_}, false, constant(0));
  running_mean_ = params.declare_buffer(name_ + ".running_mean", {columns_}, constant(0));
  running_var_ = params.declare_buffer(name_ + ".running_var", {columns_}, constant(1));
}

void BatchNorm::bind(Arena& arena, DType type) {
  mean_ = arena.saved(name_ + " mean", accumulator_of(type), {columns_});
  inverse_std_ = arena.saved(name_ + " inverse deviation", accumulator_of(type), {columns_});
}

void BatchNorm::forward(Backend& backend, const Params& params, const Batch* batch, const StepInfo& step,
                        Tensor x, Tensor out) {
  last_ = {.batch = batch,
           .training = step.training,
           .x = x,
           .gamma = params.value(gamma_),
           .beta = params.value(beta_),
           .running_mean = params.value(running_mean_),
           .running_var = params.value(running_var_),
           .mean = mean_,
           .inverse_std = inverse_std_,
           .y = out};
  backend.batch_norm_forward(last_);
}

void BatchNorm::backward(Backend& backend, const Params& params, Tensor d_out, Tensor d_in) {
  backend.batch_norm_backward({.forward = last_,
                               .dy = d_out,
                               .dx = d_in,
                               .dgamma = params.gradient(gamma_),
                               .dbeta = params.gradient(beta_)});
}

}  // namespace sluice
