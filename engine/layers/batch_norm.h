// Batch normalisation of rows, over the valid ones only.
#pragma once

#include <string>

#include "engine/arena.h"
#include "engine/params.h"

namespace sluice {

class BatchNorm {
 public:
  BatchNorm(std::string name, int columns) : name_(std::move(name)), columns_(columns) {}

  void declare(Params& params);
  void bind(Arena& arena, DType type);  // type: of rows
  // x, out [M,C], not the same memory. batch: null where every row is valid.
  void forward(Backend& backend, const Params& params, const Batch* batch, const StepInfo& step, Tensor x,
               Tensor out);
  // After forward(); d_in = may be d_out.
  void backward(Backend& backend, const Params& params, Tensor d_out, Tensor d_in);

 private:
  std::string name_;
  int columns_;
  ParamId gamma_ = -1, beta_ = -1, running_mean_ = -1, running_var_ = -1;
  Tensor mean_, inverse_std_;
  BatchNormForward last_;
};

}  // namespace sluice
