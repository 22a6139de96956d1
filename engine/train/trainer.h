// The training loop.
//
// Note [Resume]: a checkpoint is taken between updates and holds all that the loop's future depends on:
// parameters, moments, and TrainState. A pass's batches are a pure function of seed and pass, random masks of
// seed and micro_step, the rate of the update's number; so a training that is stopped and resumed writes the
// same bits as one that is not. A time limit is the only thing that reads a clock.
//
// Note [Updates under way]: on an asynchronous backend an update's losses and norm are looked at when the
// next update has been queued; until then nothing the loop decides depends on them. An update whose gradients
// are not finite changes nothing on the device, and nothing is evaluated or saved before all updates have
// been looked at: what diverged is never kept. On other backends each update is looked at when it has been
// done.
//
// Note [A limit of time]: a training that ends by its time limit amid its epochs should have come to its end
// like any other, the rate fallen and the last parameters averaged. So the way gone is the larger of the
// share of updates and, less a grace, the share of the time. Where a training stays within its limit, the
// grace keeps the clock out of it: uneven speed of a tenth of the limit changes no bit.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/device_batch.h"
#include "engine/models/classifier.h"
#include "engine/optim/loss_scale.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "engine/train/batch_source.h"
#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "engine/train/observer.h"
#include "engine/train/snapshot.h"
#include "engine/train/train_config.h"
#include "engine/train/update_under_way.h"

namespace sluice {

// Set from a signal handler or another thread; obeyed after the update under way.
struct TrainRequests {
  std::atomic<bool> stop{false};        // save a checkpoint and return
  std::atomic<bool> checkpoint{false};  // save one and go on; cleared when done
};

enum class StopReason : uint8_t { epochs, max_updates, time_limit, early_stopping, requested };
const char* name_of(StopReason reason);

struct TrainResult {
  StopReason reason = StopReason::epochs;
  bool best_restored = false;  // the classifier holds the parameters of update `best_update`
  int64_t best_update = 0, best_epoch = 0;
  double best_value = 0;  // of the metric
};

class Trainer {
 public:
  // The classifier is allocated for the max_shape() of both sources and `config.accumulate`; all that is
  // referred to outlives the trainer. valid, observer, requests may be null. `unseen` as in EvaluateOptions.
  // Throws UserError naming the key of a value out of range.
  Trainer(const TrainConfig& config, Classifier& classifier, Optimizer& optimizer, BatchSource& train,
          BatchSource* valid, TrainObserver* observer = nullptr, TrainRequests* requests = nullptr,
          EvaluateOptions evaluate_options = {});

  // What a Trainer will allocate for parameters beside the current ones.
  static size_t bytes(const TrainConfig& config, const Params& params, bool validates);

  // Takes up the checkpoint; before run(). Throws as load_checkpoint().
  void resume();

  // Trains until a limit, early stopping or a request. Throws Failure when a loss, a gradient or a
  // probability is not finite, naming the documents of the batch; the last checkpoint then stays as it was
  // (and the parameters may have seen one more update).
  TrainResult run();

  const TrainState& state() const { return state_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<StopReason> reason_to_stop() const;
  void train_pass();
  void end_pass();
  // The batches of one update.
  struct Group {
    std::vector<HostBatch> batches;  // [accumulate], `size` of them in use
    int size = 0;
    std::span<const HostBatch> used() const { return {batches.data(), static_cast<size_t>(size)}; }
  };

  void read_group(Group& group);  // leaves it empty at the end of the pass
  void train_group();
  void train_batch(const HostBatch& batch, const HostBatch* next, double scale);
  // At once, or as a replay where the configuration wants it: Note [Replay] in engine/backend.h.
  void run(Backend::ReplayKey key, const std::function<void()>& verbs);
  // Waits for updates, oldest first, until no more than `left` are still under way.
  void look_at_updates(size_t left);
  int64_t total_updates() const;
  double time_gone() const;
  void average_parameters();
  void put_back(Snapshot& parameters);
  void after_update();
  void validate();
  void save();
  TrainResult finish(StopReason reason);
  CheckpointTensors checkpoint_tensors() const;
  double mean_loss() const;  // of the pass under way, as accuracy()
  double accuracy() const;

  TrainConfig config_;
  Classifier& classifier_;
  Optimizer& optimizer_;
  BatchSource& train_;
  BatchSource* valid_;
  TrainObserver silent_;
  TrainObserver& observer_;
  TrainRequests* requests_;
  EvaluateOptions evaluate_options_;

  bool records_;
  int32_t number_;  // of this trainer in the process: its part of a replay's key
  DeviceBatch device_batch_;
  Group group_, next_group_;           // being queued, and the one after it in the pass
  std::vector<UpdateUnderWay> ring_;   // those under way and one that is free, used in turn
  size_t newest_ = 0, under_way_ = 0;  // of ring_
  std::optional<Schedule> schedule_;
  LossScale loss_scale_;
  EarlyStopping stopping_;
  std::optional<Snapshot> best_;     // the best parameters so far
  std::optional<Snapshot> average_;  // their mean over updates
  std::optional<Snapshot> current_;  // the parameters, while the average stands in their place
  TrainState state_;
  bool resumed_ = false;
  Clock::time_point started_;
  Clock::time_point step_started_;  // when the update before was looked at, or what stood between was over
};

}  // namespace sluice
