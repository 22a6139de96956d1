// What a thread needs of global memory at its pointwise work, fetched kRingStages steps ahead into shared
// memory. A thread reads only what it fetched itself: no barrier of the block.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

// kItems values of each (row, unit) of a step, of T or f32.
//
// Nothing less than 32 bits is copied asynchronously. In 16 bits a thread fetches the pair that its value
// lies in, where pairs of units are aligned: the other half belongs to the lane beside it, which may write it
// after wait(). Else it copies its value at once.
template <class T, int kItems>
class Ring {
 public:
  __device__ Ring(float* memory, const PersistentPlan& plan, const PersistentShape& shape)
      : pairs_(shape.hidden % 2 == 0),
        half_(static_cast<int>(threadIdx.x) % 2),
        tile_size_(plan.tile_rows * plan.units),
        stage_size_((plan.rows(shape.sequences) + plan.tile_rows - 1) / plan.tile_rows * tile_size_ * kItems),
        memory_(memory + threadIdx.x) {}

  // Starts to fetch *from, of this thread's unit.
  template <class V>
  __device__ void fetch(int k, int tile, int item, const V* from) {
    auto* to = reinterpret_cast<V*>(slot(k, tile, item));
    if constexpr (sizeof(V) == sizeof(float))
      __pipeline_memcpy_async(to, from, sizeof(float));
    else if (pairs_)
      __pipeline_memcpy_async(to, from - half_, sizeof(float));
    else
      to[half_] = *from;
  }
  // `anywhere` can be read.
  __device__ void fetch_zero(int k, int tile, int item, const float* anywhere) {
    __pipeline_memcpy_async(slot(k, tile, item), anywhere, sizeof(float), sizeof(float));
  }
  // Ends the fetches of one step; called once for each step, also for one that does not exist.
  __device__ void commit() { __pipeline_commit(); }
  // Those of all steps but the newest kRingStages - 1 have arrived.
  __device__ void wait() {
    if (!SLUICE_MUTANT(ring_not_awaited)) __pipeline_wait_prior(kRingStages - 1);
    if constexpr (sizeof(T) == 2) __syncwarp();
  }
  // What was fetched of f32, and of T.
  __device__ float get_f32(int k, int tile, int item) const { return *slot(k, tile, item); }
  __device__ float get(int k, int tile, int item) const {
    if constexpr (sizeof(T) == 4)
      return get_f32(k, tile, item);
    else
      return static_cast<float>(reinterpret_cast<const T*>(slot(k, tile, item))[half_to_get()]);
  }

 private:
  __device__ int half_to_get() const { return SLUICE_MUTANT(other_half_of_a_pair) ? 1 - half_ : half_; }
  __device__ float* slot(int k, int tile, int item) const {
    return memory_ + k % kRingStages * stage_size_ + (tile * kItems + item) * tile_size_;
  }

  bool pairs_;
  int half_;  // of a pair that this thread's unit is
  int tile_size_, stage_size_;
  float* memory_;
};

}  // namespace sluice::cuda
