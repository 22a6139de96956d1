// One vector a sequence: the concatenation of last, mean and max over its tokens, as configured.
#pragma once

#include <vector>

#include "engine/arena.h"

namespace sluice {

class PoolingLayer {
 public:
  // columns: C of the input; directions: its halves, for `last`.
  PoolingLayer(std::vector<Pooling> kinds, int columns, int directions)
      : kinds_(std::move(kinds)), columns_(columns), directions_(directions) {}

  int outputs() const { return columns_ * static_cast<int>(kinds_.size()); }
  void bind(Arena& arena, const MaxShape& max);
  // x [N,C]; y [B,outputs()] =
  void forward(Backend& backend, const Batch& batch, Tensor x, Tensor y);
  // dy as y; dx as x =
  void backward(Backend& backend, const Batch& batch, Tensor x, Tensor y, Tensor dy, Tensor dx);

 private:
  PoolForward part(const Batch& batch, size_t k, Tensor x, Tensor y) const;

  std::vector<Pooling> kinds_;
  int columns_, directions_;
  Tensor argmax_;
};

}  // namespace sluice
