// Token vectors. The layer computes on a batch's U distinct tokens; the first recurrent layer's input product
// then costs U rows instead of N. Where a later layer needs every token's row (batch norm of the input,
// pooled embeddings) they are expanded to [N,E].
#pragma once

#include <string>

#include "engine/arena.h"
#include "engine/params.h"

namespace sluice {

// Activations by row: row r of the batch is x[index[r]], or x[r] where index is null.
struct Rows {
  Tensor x;      // [U,C] or [N,C]
  Tensor index;  // [N] i32 or null
};

struct EmbeddingConfig {
  std::string name = "embedding";
  int vocabulary = 0;  // V
  int size = 0;        // E
  bool frozen = false;
  double deviation = 0.1;  // of the first values, normally distributed
  bool expanded = false;   // expand() will be called
  double dropout = 0;      // of the distinct vectors: one mask a token and batch
  uint32_t site = 0;
};

class Embedding {
 public:
  explicit Embedding(const EmbeddingConfig& config) : config_(config) {}

  void declare(Params& params);
  void bind(Arena& arena, const MaxShape& max, DType type);
  // Before the forward pass of a batch that will be trained on.
  void prepare(Params& params, const Batch& batch);
  // The vectors of the batch's distinct tokens [U,E].
  Tensor forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step);
  // The same by row [N,E], after forward(). Padding holds anything finite.
  Tensor expand(Backend& backend, const Batch& batch);
  // Adds to the table's gradient. d: gradient of forward()'s result, overwritten.
  void backward(Backend& backend, Params& params, const Batch& batch, const StepInfo& step, Tensor d);
  // d: gradient of expand()'s result.
  void backward_expanded(Backend& backend, Params& params, const Batch& batch, const StepInfo& step,
                         Tensor d);

  ParamId table() const { return table_; }
  bool trained() const { return !config_.frozen; }

 private:
  EmbeddingConfig config_;
  ParamId table_ = -1;
  Tensor distinct_;  // [U,E]
  Tensor expanded_;  // [N,E]
  Tensor d_distinct_, slots_;
};

}  // namespace sluice
