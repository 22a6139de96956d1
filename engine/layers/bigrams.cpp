#include "engine/layers/bigrams.h"

#include <algorithm>

namespace sluice {
namespace {

std::vector<Pooling> pooling_of(const std::vector<Pooling>& kinds) {
  return {std::find(kinds.begin(), kinds.end(), Pooling::sqrtn) == kinds.end() ? Pooling::mean
                                                                               : Pooling::sqrtn};
}

}  // namespace

BigramLayer::BigramLayer(int buckets, int size, const std::vector<Pooling>& kinds, double dropout,
                         uint32_t site, int first)
    : vectors_({.name = "bigrams",
                .vocabulary = buckets,
                .size = size,
                .deviation = 0,
                .expanded = true,
                .dropout = dropout,
                .site = site}),
      pooling_(pooling_of(kinds), size, 1, first),
      size_(size) {}

void BigramLayer::bind(Arena& arena, const MaxShape& max, DType type) {
  MaxShape shape = max;
  shape.distinct = max.bigrams;
  vectors_.bind(arena, shape, type);
  pooling_.bind(arena, shape);
  d_rows_ = arena.saved("gradient of bigrams by row", type, {max.rows, size_});
}

void BigramLayer::forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step,
                          Tensor y) {
  vectors_.forward(backend, params, *batch.bigrams, step);
  rows_ = vectors_.expand(backend, *batch.bigrams);
  pooling_.forward(backend, batch, rows_, y);
}

void BigramLayer::backward(Backend& backend, Params& params, const Batch& batch, const StepInfo& step,
                           Tensor y, Tensor dy) {
  const Tensor d = d_rows_.narrow(batch.rows);
  backend.zero(d);
  pooling_.backward(backend, batch, rows_, y, dy, d);
  vectors_.backward_expanded(backend, params, *batch.bigrams, step, d);
}

}  // namespace sluice
