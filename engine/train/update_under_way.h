// An update that is queued and whose loss and gradient norm are still to come: Note [Asynchrony] in
// engine/backend.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/batch.h"
#include "engine/optim/loss_scale.h"
#include "engine/train/observer.h"

namespace sluice {

class UpdateUnderWay {
 public:
  // max_losses: the most that one update's batches have.
  UpdateUnderWay(Backend& backend, DType losses, int64_t max_losses);

  // In this order: begin; add_batch after each batch's forward pass; finish after the update.
  void begin(const StepReport& report, double weight, double loss_scale);
  void add_batch(const HostBatch& batch, Tensor losses, Tensor hits);
  void finish(Tensor squared_norm);

  // The rest waits for the device. The report's loss, norm, hits and sums are complete after read(). Throws
  // Failure, naming the documents, when a loss is not finite, or the norm where the loss scale is not to
  // blame. The report's norm is 0 where it is.
  void read(LossScale& loss_scale);
  const StepReport& report() const { return report_; }
  double loss_sum() const { return loss_sum_; }
  double weight() const { return weight_; }

 private:
  double loss(size_t k) const;
  int32_t* hits() const;

  Backend& backend_;
  DType type_;
  size_t hits_at_;  // bytes from the memory's start
  Buffer memory_;   // the square of the norm, then the losses, then the hits
  StepReport report_;
  double weight_ = 0, loss_scale_ = 1, loss_sum_ = 0;
  std::vector<int32_t> documents_;  // of each loss
  std::vector<size_t> ends_;        // of each batch, in documents_
  uint64_t mark_ = 0;
};

}  // namespace sluice
