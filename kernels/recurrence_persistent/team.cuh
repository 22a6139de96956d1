// A block's place in its team, and its rows. Note [Teams].
#pragma once

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
        groups_(plan.groups),
        all_steps_(static_cast<int>(places.active.dims[0])),
        places_(places),
        exchange_(exchange) {
    all_rows = rows_of(shape.sequences);
    for (int t = 0; t < all_steps_; t += kPersistentThreads) {
      const int mine = t + static_cast<int>(threadIdx.x);
      steps += __syncthreads_count(mine < all_steps_ && places.active(mine) > group);
    }
  }

  // Sequence of the group's row i.
  __device__ int sequence(int i) const { return group + i * groups_; }
  // Of as many sequences, the first ones, those of the group.
  __device__ int rows_of(int sequences) const {
    return sequences > group ? (sequences - group - 1) / groups_ + 1 : 0;
  }
  __device__ const RowPlaces& places() const { return places_; }

  // Says that a block of the team was waited for in vain. One thread calls it, or several.
  __device__ void report_lost(int at_step) const {
    *static_cast<volatile uint64_t*>(exchange_.lost) =
        uint64_t{1} << 63 | static_cast<uint64_t>(direction) << 56 | static_cast<uint64_t>(group) << 32 |
        static_cast<uint32_t>(at_step);
  }

  int index, block, direction, group;
  int all_rows = 0;  // of the group, also of length 0
  int steps = 0;     // of the group's longest row

 private:
  int groups_, all_steps_;
  const RowPlaces& places_;
  const Exchange& exchange_;
};

// The team's rows at the steps around the one at hand: how many, and where they lie. In shared memory, as a
// look at global memory takes what L2 does, and a step has several that wait for each other; one thread looks
// ahead for all.
//
// Steps are numbered in a pass's order, from 0 on; those before and past the team's have no rows. Known are
// the step before the one at hand and kAhead from there on. Written before read: what enter(n) writes is read
// from step n + 1 on, a barrier of step n later. Read before overwritten: it replaces step n - 4, which was
// read last at step n - 3.
class StepPlaces {
  static constexpr int kAhead = 4, kKept = 8;

 public:
  __device__ StepPlaces(const Team& team, Pass pass, int first)
      : team_(team), rising_((team.direction == 0) == (pass == Pass::forward)) {
    __shared__ int2 places[kKept];
    places_ = places;
    const int thread = static_cast<int>(threadIdx.x);
    if (thread <= kAhead) write(first - 1 + thread, active(first - 1 + thread), offset(first - 1 + thread));
    look(first + kAhead);
    __syncthreads();
  }

  // The next step begins: called by all threads, before a barrier of that step.
  __device__ void enter(int n) {
    if (threadIdx.x != kPersistentThreads - 32) return;
    write(n + kAhead - (SLUICE_MUTANT(places_one_late) ? 1 : 0), active_, offset_);
    look(n + kAhead + 1);
  }

  __device__ int step(int n) const { return rising_ ? n : team_.steps - 1 - n; }
  // Of the group, the first ones.
  __device__ int rows(int n) const { return places_[at(n)].x; }
  // The group's row i in [N,*] tensors.
  __device__ int64_t row(int n, int i) const { return places_[at(n)].y + team_.sequence(i); }

 private:
  __device__ static int at(int n) { return n & (kKept - 1); }
  __device__ bool exists(int n) const { return n >= 0 && n < team_.steps; }
  __device__ int active(int n) const { return exists(n) ? team_.places().active(step(n)) : 0; }
  __device__ int offset(int n) const { return exists(n) ? team_.places().offsets(step(n)) : 0; }
  __device__ void look(int n) {
    active_ = active(n);
    offset_ = offset(n);
  }
  __device__ void write(int n, int active, int offset) {
    places_[at(n)] = make_int2(team_.rows_of(active), offset);
  }

  const Team& team_;
  const bool rising_;
  int2* places_;
  int active_, offset_;  // of the step that is written next
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

// What a thread keeps from step to step of its (row, unit) of each tile: in shared memory, by itself.
class OfTiles {
 public:
  __device__ OfTiles(float* memory, const PersistentPlan& plan)
      : memory_(memory + threadIdx.x), apart_(plan.tile_rows * plan.units) {}

  __device__ float& operator[](int tile) const { return memory_[tile * apart_]; }

 private:
  float* memory_;
  int apart_;
};

}  // namespace sluice::cuda
