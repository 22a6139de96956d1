// Clipping and the parameter update, over flat buffers. Keys of the configuration: `optim.*`.
#pragma once

#include <string>
#include <vector>

#include "engine/params.h"

namespace sluice {

enum class OptimizerKind : uint8_t { adamw, adam, sgd };

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double momentum = 0.9;  // sgd
  bool nesterov = false;
  double weight_decay = 0.01;
  bool decay_embeddings = false;
  bool lazy_embeddings = true;  // rows untouched by a batch are left alone; else the whole table is updated
  // Of lazy rows that batches leave alone, the moments decay all the same, or are kept: Note [Lazy rows] in
  // engine/verbs.h.
  bool keep_idle_moments = false;
  double clip_norm = 1.0;  // 0: off; global norm over every gradient
  double clip_value = 0;   // 0: off; before clip_norm
};

class Optimizer {
 public:
  Optimizer(const OptimizerConfig& config, Params& params);  // params.allocate() must have run
  // What an Optimizer will allocate for these parameters, which need not be allocated yet.
  static size_t bytes(const OptimizerConfig& config, const Params& params);

  // Update number `step` (from 1) with the gradients gathered, each loss_scale times as large as it is, which
  // are then zeroed. Where a gradient is not finite, nothing is updated. Waits for nothing.
  void update(double learning_rate, int64_t step, double loss_scale = 1);
  // The same in three parts, of which apply() may be replayed, with shape_key() as key.
  void prepare(double learning_rate, int64_t step, double loss_scale = 1);
  void apply();
  void finish();
  // How many rows of each table are in use. Differs from every key of a Classifier.
  Backend::ReplayKey shape_key() const;
  // [1] f64, of the last update: the square of loss_scale times the global gradient norm before clipping by
  // norm.
  Tensor squared_norm() const { return sum_squares_; }

  std::vector<NamedTensor> state() const;  // moments and touched rows, for checkpoints

 private:
  void gather_norm();
  void update_dense(const Params::Dense& piece);
  void update_rows(size_t table);
  AdamConfig adam(bool decay) const;
  SgdConfig sgd(bool decay) const;
  // The moment's slice that belongs to `count` parameters from `offset` of the flat values.
  Tensor moment(const Buffer& buffer, int64_t offset, int64_t count) const;

  Params& params_;
  OptimizerConfig config_;
  Buffer first_, second_, touched_memory_, scalar_memory_;
  std::vector<Tensor> touched_;              // [V] i32 for each table
  Tensor sum_squares_, scale_, loss_scale_;  // [1] f64
  Tensor now_;                      // what changes from update to update: Note [Replay] in engine/backend.h
  double uploaded_loss_scale_ = 0;  // what loss_scale_ holds
  double learning_rate_ = 0;
  int64_t step_ = 1;
};

}  // namespace sluice
