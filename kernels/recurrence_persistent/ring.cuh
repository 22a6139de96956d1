// What a thread needs of global memory at its pointwise work, fetched kRingStages steps ahead into shared
// memory. A thread reads only what it fetched itself: no barrier.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

// kItems values of each (row, unit) of a step.
template <int kItems>
class Ring {
 public:
  __device__ Ring(float* memory, const PersistentPlan& plan, int sequences)
      : tile_size_(plan.tile_rows * plan.units),
        stage_size_((plan.rows(sequences) + plan.tile_rows - 1) / plan.tile_rows * tile_size_ * kItems),
        memory_(memory + threadIdx.x) {}

  // Starts to fetch *from; zero of null. `anywhere` can be read.
  __device__ void fetch(int k, int tile, int item, const float* from) {
    __pipeline_memcpy_async(slot(k, tile, item), from, sizeof(float));
  }
  __device__ void fetch_zero(int k, int tile, int item, const float* anywhere) {
    __pipeline_memcpy_async(slot(k, tile, item), anywhere, sizeof(float), sizeof(float));
  }
  // Ends the fetches of one step; called once for each step, also for one that does not exist.
  __device__ void commit() { __pipeline_commit(); }
  // Those of all steps but the newest kRingStages - 1 have arrived.
  __device__ void wait() {
    if (!SLUICE_MUTANT(ring_not_awaited)) __pipeline_wait_prior(kRingStages - 1);
  }
  __device__ float get(int k, int tile, int item) const { return *slot(k, tile, item); }

 private:
  __device__ float* slot(int k, int tile, int item) const {
    return memory_ + k % kRingStages * stage_size_ + (tile * kItems + item) * tile_size_;
  }

  int tile_size_, stage_size_;
  float* memory_;
};

}  // namespace sluice::cuda
