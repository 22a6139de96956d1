// The recurrent path `persistent`: all steps of both directions in one launch,
// backward in several where that pays (kernels/recurrence_persistent). Products with W, sums over rows and
// memory are those of the path `step`.
#pragma once

#include <cstdint>
#include <string>

#include "engine/backend.h"
#include "engine/backends/cuda/queue.h"
#include "kernels/core/plan.h"
#include "kernels/recurrence_persistent/recurrence_persistent.h"

namespace sluice::cuda {

class RnnPersistent {
 public:
  explicit RnnPersistent(const DeviceProps& device);
  ~RnnPersistent();
  RnnPersistent(const RnnPersistent&) = delete;
  RnnPersistent& operator=(const RnnPersistent&) = delete;

  // Why it does not take the shape; empty where it does.
  std::string refusal(const RnnShape&) const;

  // directions: what each direction's steps work on, as the path `step` would be given it.
  template <class T>
  void run(Queue&, const RnnForward&, const StepForwardParams<T> (&directions)[2]);
  // The given turns; what these keep for later ones lies in the directions' dh and dc.
  template <class T>
  void run(Queue&, const RnnBackward&, const StepBackwardParams<T> (&directions)[2], Turns);
  // In how many chunks backward should run.
  int chunks(const RnnBackward&) const;

  // After waiting for the queue: throws Failure where a block waited in vain for its team.
  void check();
  // Looks at a flag before a block counts as lost.
  void set_patience(int64_t looks) { patience_ = looks; }
  // Chunks of backward, but no more than steps; 0: as many as the model says.
  void set_chunks(int chunks) { chunks_ = chunks; }

 private:
  Exchange exchange(Queue&, size_t bytes, void** h_exchange);
  PersistentPlan plan_of(Pass, const PersistentShape&) const;

  DeviceProps device_;
  int64_t patience_ = Exchange{}.patience;
  int chunks_ = 0;
  uint64_t* lost_ = nullptr;  // in pinned memory, from the first pass on
};

}  // namespace sluice::cuda
