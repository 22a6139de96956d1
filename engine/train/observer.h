// What a training tells whoever watches: progress display, logs, TensorBoard.
#pragma once

#include <cstdint>

#include "engine/train/batch_source.h"
#include "engine/train/metrics.h"

namespace sluice {

struct StepReport {
  int64_t epoch = 0;                      // of the pass under way, from 1
  int64_t update = 0, total_updates = 0;  // updates done, updates foreseen
  double loss = 0;                        // mean of the update's batches, by loss weight
  double gradient_norm = 0;  // before clipping by norm; 0 where the loss scale left the update out
  double learning_rate = 0;
  int64_t documents = 0, tokens = 0;  // of the update's batches
  int64_t hits = 0;                   // documents whose labels the model gave, under dropout
  int64_t padded_rows = 0;            // rows of padding a padded layout has
  double seconds = 0;                 // waiting for data included, evaluation not

  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
  double padding() const {  // in [0, 1)
    const auto rows = static_cast<double>(tokens + padded_rows);
    return rows > 0 ? static_cast<double>(padded_rows) / rows : 0;
  }
};

struct PassReport {
  int64_t epoch = 0;  // just completed, from 1
  int64_t update = 0;
  double train_loss = 0;      // mean over the pass, by loss weight
  double train_accuracy = 0;  // share of the pass's documents whose labels the model gave, under dropout
  PassFigures figures;        // since the pass began, or was resumed
};

struct EvaluationReport {
  int64_t epoch = 0;  // passes completed, the one under way counted
  int64_t update = 0;
  double train_loss = 0, train_accuracy = 0;  // over the pass under way so far
  const Metrics* valid = nullptr;
  bool best = false;  // so far
  double seconds = 0;
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_step(const StepReport&) {}
  virtual void on_pass(const PassReport&) {}
  virtual void on_evaluation(const EvaluationReport&) {}
  virtual void on_checkpoint(int64_t /*update*/) {}
};

}  // namespace sluice
