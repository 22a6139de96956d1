// A block's place in its team, and how the blocks of a team wait for each other. Note [Teams].
#pragma once

#include "kernels/core/flags.cuh"
#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

class Team {
 public:
  __device__ Team(const PersistentPlan& plan, const PersistentShape& shape, const RowPlaces& places,
                  const Exchange& exchange, int first_team)
      : index(first_team + static_cast<int>(blockIdx.x) / plan.blocks),
        block(static_cast<int>(blockIdx.x) % plan.blocks),
        direction(index / plan.groups),
        group(index % plan.groups),
        blocks_(plan.blocks),
        groups_(plan.groups),
        all_steps_(static_cast<int>(places.active.dims[0])),
        places_(places),
        exchange_(exchange),
        flags_(exchange.flags + static_cast<int>(blockIdx.x) / plan.blocks * plan.blocks) {
    all_rows = rows_of(shape.sequences);
    for (int t = 0; t < all_steps_; t += kPersistentThreads) {
      const int mine = t + static_cast<int>(threadIdx.x);
      steps += __syncthreads_count(mine < all_steps_ && places.active(mine) > group);
    }
  }

  // The k-th step that forward computes.
  __device__ int step(int k) const { return direction == 1 ? steps - 1 - k : k; }
  // Steps that forward computes next to step t; may lie outside.
  __device__ int before(int t) const { return direction == 1 ? t + 1 : t - 1; }
  __device__ int after(int t) const { return direction == 1 ? t - 1 : t + 1; }
  // Rows of the group that are active at step t: its first ones.
  __device__ int rows(int t) const { return t < 0 || t >= all_steps_ ? 0 : rows_of(places_.active(t)); }
  // Sequence of the group's row i, and its row in [N,*] tensors at step t.
  __device__ int sequence(int i) const { return group + i * groups_; }
  __device__ int64_t row(int t, int i) const { return places_.offsets(t) + sequence(i); }

  // Says that this block has done what `epoch` stands for. All threads of the block call it.
  __device__ void publish(uint32_t epoch) const {
    if (!SLUICE_MUTANT(publish_without_barrier)) __syncthreads();
    if (threadIdx.x != 0) return;
    if (SLUICE_MUTANT(publish_without_release))
      *static_cast<volatile uint32_t*>(flags_ + block) = epoch;
    else
      release_flag(flags_ + block, epoch);
  }

  // Waits until every block of the team has. False: one did not come, and the kernel must end.
  __device__ bool wait(uint32_t epoch, int at_step) const {
    if (SLUICE_MUTANT(wait_skipped)) return true;
    if (SLUICE_MUTANT(wait_for_the_epoch_before)) --epoch;
    int lost = 0;
    for (int other = static_cast<int>(threadIdx.x); other < blocks_ && threadIdx.x < 32; other += 32) {
      int64_t looks = 0;
      while (!lost && look(other) < epoch) lost = ++looks > exchange_.patience;
    }
    if (SLUICE_MUTANT(wait_without_barrier)) return true;
    if (!__syncthreads_or(lost)) return true;
    if (threadIdx.x == 0)
      *static_cast<volatile uint64_t*>(exchange_.lost) =
          uint64_t{1} << 63 | static_cast<uint64_t>(direction) << 56 | static_cast<uint64_t>(group) << 32 |
          static_cast<uint32_t>(at_step);
    return false;
  }

  int index, block, direction, group;
  int all_rows = 0;  // of the group, also of length 0
  int steps = 0;     // of the group's longest row

 private:
  __device__ uint32_t look(int other) const {
    if (SLUICE_MUTANT(wait_without_acquire)) return *static_cast<const volatile uint32_t*>(flags_ + other);
    return acquire_flag(flags_ + other);
  }
  __device__ int rows_of(int sequences) const {
    return sequences > group ? (sequences - group - 1) / groups_ + 1 : 0;
  }

  int blocks_, groups_, all_steps_;
  const RowPlaces& places_;
  const Exchange& exchange_;
  uint32_t* flags_;
};

// Which (row of a tile, unit) a thread finishes: the same unit in every tile.
struct Finisher {
  int row, unit, j;  // unit of the block, of the layer
  bool at_work;      // false: there is no such row or unit

  __device__ Finisher(const PersistentPlan& plan, int hidden, int block)
      : row(static_cast<int>(threadIdx.x) / plan.units),
        unit(static_cast<int>(threadIdx.x) % plan.units),
        j(block * plan.units + unit),
        at_work(row < plan.tile_rows && j < hidden) {}
};

// One value for each tile, in registers: the front one is the tile at hand, turn() goes on to the next.
struct OfTiles {
  float at[kMaxTiles] = {};

  __device__ float& front() { return at[0]; }
  __device__ void turn() {
    const float first = at[0];
#pragma unroll
    for (int i = 0; i + 1 < kMaxTiles; ++i) at[i] = at[i + 1];
    at[kMaxTiles - 1] = first;
  }
};

}  // namespace sluice::cuda
