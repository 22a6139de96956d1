// Everything that a training must have to go on as if it had never stopped, in one file:
// DIRECTORY/state.safetensors (engine/train/safetensors.h), checked by its checksum, replaced by a rename, so
// that a crash at any moment leaves the old state or the new one, whole.
//   tensors   "model/..." parameters and buffers, "optim/..." moments, "best/..." the best model so far,
//             "average/..." the averaged one
//   metadata  "sluice_checkpoint" version of this layout, "fingerprint", the fields of TrainState
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/optim/loss_scale.h"
#include "engine/params.h"
#include "engine/train/early_stopping.h"

namespace sluice {

// Where a training stands, between two updates.
struct TrainState {
  uint64_t seed = 0;
  int64_t epoch = 0;                    // passes completed
  int64_t batches = 0;                  // of the pass under way, trained on
  int64_t batches_per_pass = 0;         // of the first pass: the schedule's total is reckoned from it
  int64_t update = 0;                   // updates done
  int64_t micro_step = 0;               // batches trained on ever: the key of random masks
  double loss_sum = 0, weight_sum = 0;  // of the pass under way
  int64_t documents = 0, hits = 0;      // of the pass under way; hits: as StepReport's
  int64_t averaged = 0;                 // updates whose parameters are in the average
  int64_t evaluated_update = 0;         // update at the last evaluation
  int64_t best_update = 0, best_epoch = 0;
  EarlyStopping::State stopping;
  LossScale::State loss_scale;
};

// What a checkpoint holds beside the state; the tensors lie in the backend's memory.
struct CheckpointTensors {
  std::vector<NamedTensor> model, optimizer;
  std::vector<NamedTensor> best;     // empty: no best model is kept
  std::vector<NamedTensor> average;  // empty: no average is formed
};

// `fingerprint`: a word for the configuration and the data; a checkpoint with another one is refused.
// Throws Failure when the system refuses; an older checkpoint then stays.
void save_checkpoint(const std::string& directory, Backend& backend, const TrainState& state,
                     const CheckpointTensors& tensors, const std::string& fingerprint);

bool has_checkpoint(const std::string& directory);

// Fills `tensors` and returns the state. Throws UserError, and then has changed nothing, for a checkpoint
// that is missing, truncated, damaged, or of another version, configuration, seed or model.
TrainState load_checkpoint(const std::string& directory, Backend& backend, uint64_t seed,
                           const CheckpointTensors& tensors, const std::string& fingerprint);

}  // namespace sluice
