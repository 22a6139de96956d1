#include "engine/layers/pooling.h"

namespace sluice {

void PoolingLayer::bind(Arena& arena, const MaxShape& max) {
  argmax_ = arena.saved("pooling argmax", DType::i32, {max.sequences, columns_});
}

PoolForward PoolingLayer::part(const Batch& batch, size_t k, Tensor x, Tensor y) const {
  return {.kind = kinds_[k],
          .batch = &batch,
          .directions = directions_,
          .x = x,
          .y = y,
          .column = first_ + static_cast<int>(k) * columns_,
          .argmax = argmax_.narrow(batch.sequences)};
}

void PoolingLayer::forward(Backend& backend, const Batch& batch, Tensor x, Tensor y) {
  for (size_t k = 0; k < kinds_.size(); ++k) backend.pool_forward(part(batch, k, x, y));
}

void PoolingLayer::backward(Backend& backend, const Batch& batch, Tensor x, Tensor y, Tensor dy, Tensor dx) {
  for (size_t k = 0; k < kinds_.size(); ++k)
    backend.pool_backward({.forward = part(batch, k, x, y), .dy = dy, .dx = dx});
}

}  // namespace sluice
