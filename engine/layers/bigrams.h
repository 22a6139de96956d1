// The mean, or sqrtn, of the vectors of a text's bigrams: what order a bag of words loses between neighbours,
// at the price of a lookup (fastText: Joulin et al. 2017). Bigrams are hashed (Batch::bigrams); those never
// trained on are 0.
#pragma once

#include "engine/layers/embedding.h"
#include "engine/layers/pooling.h"

namespace sluice {

class BigramLayer {
 public:
  // buckets: rows of the table; size: E of a vector; kinds: sqrtn where they have it, else mean; dropout,
  // site: as EmbeddingConfig's; first: as PoolingLayer's.
  BigramLayer(int buckets, int size, const std::vector<Pooling>& kinds, double dropout, uint32_t site,
              int first);

  int outputs() const { return pooling_.outputs(); }
  void declare(Params& params) { vectors_.declare(params); }
  void bind(Arena& arena, const MaxShape& max, DType type);
  // Before the forward pass of a batch that will be trained on. Of all batches here `bigrams` is not null.
  void prepare(Params& params, const Batch& batch) { vectors_.prepare(params, *batch.bigrams); }
  // y [B,*]: columns [first, first + outputs()) are written.
  void forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step, Tensor y);
  // Adds to the table's gradient. y, dy: as forward()'s.
  void backward(Backend& backend, Params& params, const Batch& batch, const StepInfo& step, Tensor y,
                Tensor dy);

 private:
  Embedding vectors_;
  PoolingLayer pooling_;
  int size_;
  Tensor rows_, d_rows_;  // [N,E]
};

}  // namespace sluice
