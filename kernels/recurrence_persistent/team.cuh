// A block's place in its team, and its rows. Note [Teams].
#pragma once

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
  __device__ int rows_of(int sequences) const {
    return sequences > group ? (sequences - group - 1) / groups_ + 1 : 0;
  }

  int groups_, all_steps_;
  const RowPlaces& places_;
  const Exchange& exchange_;
};

// The tiles of a half of the team's rows: Note [Halves].
struct Half {
  int index, first_tile, end_tile;

  __device__ Half(const PersistentPlan& plan, int half)
      : index(half),
        first_tile(half * plan.half_tiles),
        end_tile(half + 1 < plan.halves ? plan.half_tiles : kMaxTiles) {}

  // Of the group's first `rows` rows, those that lie in this half.
  __device__ int rows_of(const PersistentPlan& plan, int rows) const {
    return max(0, min(rows, end_tile * plan.tile_rows) - first_tile * plan.tile_rows);
  }
};

// A count for each half.
class OfHalves {
 public:
  __device__ uint32_t at(const Half& half) const { return half.index == 0 ? first_ : second_; }
  __device__ void count(const Half& half) { ++(half.index == 0 ? first_ : second_); }

 private:
  uint32_t first_ = 0, second_ = 0;
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
