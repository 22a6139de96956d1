// How long and how fast to train. Keys of the configuration: `train.*`, the schedule's `optim.*`.
#pragma once

#include <cstdint>
#include <string>

#include "engine/batch.h"
#include "engine/optim/schedule.h"

namespace sluice {

struct TrainConfig {
  int64_t epochs = 10;      // passes over the training documents
  int64_t max_updates = 0;  // 0: no limit
  double time_limit = 0;    // seconds of this run; 0: no limit; Note [A limit of time]
  int accumulate = 1;       // batches an update
  double learning_rate = 1e-3;
  double loss_scale = 0;  // of every update; 0: found on the way in f16, 1 in other types (LossScale)
  ScheduleConfig schedule;

  int64_t evaluate_every = 0;  // updates; 0: at the end of each pass
  std::string metric = "accuracy";
  int64_t patience = 0;   // evaluations without a gain; 0: no early stopping
  double min_delta = 0;   // what counts as a gain
  bool keep_best = true;  // end with the parameters of the best evaluation

  // Weight averaging (Polyak and Juditsky 1992; Izmailov et al. 2018): the mean of the parameters after every
  // average_every-th update, from this share of all updates on, is what is evaluated, kept and saved. 1: off.
  double average_from = 1;
  int64_t average_every = 10;

  std::string checkpoint_directory;  // "": no checkpoints
  int64_t checkpoint_every = 0;      // updates; 0: at the end of each pass
  std::string fingerprint;           // of configuration and data: what a checkpoint must match to be resumed

  uint64_t seed = 1;
  Layout layout = Layout::packed;
  bool record = false;  // steps of bucketed batches are recorded and replayed, where the backend does that
};

}  // namespace sluice
