// MODEL: predicted times of a recurrent layer's chain through time, on GPUs that need not be there. They rank
// paths and show where time goes; but for an H200 nobody measured them. What lies outside of the chain, the
// products with W and the gradients of weights, is the same for every path and left out.
#pragma once

#include <vector>

#include "kernels/cells/cell.h"
#include "kernels/core/gpus.h"
#include "kernels/recurrence_persistent/recurrence_persistent.h"

namespace sluice::cuda {

// Seconds that a kernel takes at least as a node of a CUDA graph; model_constants() has the source.
inline constexpr double kGraphNode = 1.3e-6;

struct ModelledLayer {
  CellKind cell = CellKind::lstm;
  int hidden = 0;      // H
  int directions = 1;  // D
  int element = 4;     // bytes of what is stored; products in f32 where they are 4, by tensor cores where 2
  std::vector<int> active;  // [T] sequences that step t still has, descending
};

// Seconds of a pass. Parts that run beside a longer one count with what they exceed it by: their sum is the
// time.
struct ModelledPass {
  double products = 0;   // multiply-adds with R
  double weights = 0;    // reads of R
  double exchange = 0;   // h, or the gates' gradients, between multiprocessors
  double latency = 0;    // of launches, or of the exchange
  double pointwise = 0;  // gates and states
  double memory = 0;     // device memory

  double total() const { return products + weights + exchange + latency + pointwise + memory; }
};

// The chain in one launch, laid out by `plan`.
ModelledPass model_persistent(Pass, const ModelledLayer&, const PersistentPlan&, const GpuSpeeds&);
// A product and a pointwise kernel for each step, from a CUDA graph; both directions at once.
ModelledPass model_step(Pass, const ModelledLayer&, const DeviceProps&, const GpuSpeeds&);

// A constant of the models, with where it is from.
struct ModelConstant {
  const char* what;
  double value;
  const char* unit;
  const char* source;
};
const std::vector<ModelConstant>& model_constants();

}  // namespace sluice::cuda
