// One vector a sequence: the concatenation of last, mean, max and sqrtn over its tokens, as configured.
// Several layers may write beside each other into one pooled vector.
#pragma once

#include <vector>

#include "engine/arena.h"

namespace sluice {

class PoolingLayer {
 public:
  // columns: C of the input; directions: its halves, for `last`; first: the layer's first column of y.
  PoolingLayer(std::vector<Pooling> kinds, int columns, int directions, int first)
      : kinds_(std::move(kinds)), columns_(columns), directions_(directions), first_(first) {}

  int outputs() const { return columns_ * static_cast<int>(kinds_.size()); }
  void bind(Arena& arena, const MaxShape& max);
  // x [N,C]; y [B,*] = columns [first, first + outputs())
  void forward(Backend& backend, const Batch& batch, Tensor x, Tensor y);
  // dy as y; dx as x +=
  void backward(Backend& backend, const Batch& batch, Tensor x, Tensor y, Tensor dy, Tensor dx);

 private:
  PoolForward part(const Batch& batch, size_t k, Tensor x, Tensor y) const;

  std::vector<Pooling> kinds_;
  int columns_, directions_, first_;
  Tensor argmax_;
};

}  // namespace sluice
