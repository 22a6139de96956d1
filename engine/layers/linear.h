// y = W x + b.
#pragma once

#include <string>

#include "engine/params.h"

namespace sluice {

class Linear {
 public:
  Linear(std::string name, int inputs, int outputs)
      : name_(std::move(name)), inputs_(inputs), outputs_(outputs) {}

  void declare(Params& params);
  // x [M,inputs]; y [M,outputs] =
  void forward(Backend& backend, const Params& params, Tensor x, Tensor y);
  // dx as x =
  void backward(Backend& backend, const Params& params, Tensor x, Tensor dy, Tensor dx);

 private:
  std::string name_;
  int inputs_, outputs_;
  ParamId W_ = -1, b_ = -1;
};

}  // namespace sluice
