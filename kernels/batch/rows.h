// Where the rows of a ragged batch stand: row(t, b) = offsets[t] + b, and the sequences of step t that are no
// padding are the prefix [0, active[t]). Shared by every family whose kernels must know a row's place.
#pragma once

#include <cstdint>

#include "kernels/core/plan.h"
#include "kernels/core/view.h"

namespace sluice::cuda {

constexpr int kRowThreads = 256;
constexpr int kRowsPerThread = 4;

// Work row by row: bx lanes across a row by by rows, bx a power of two near `lanes`, what a row is cut into
// (elements or vectors), bx * by = kRowThreads. rows_per_thread: 1 where a row is long work itself.
constexpr Plan row_plan(int64_t rows, int64_t lanes, int rows_per_thread = kRowsPerThread) {
  int across = 1;
  while (across < kRowThreads && across < lanes) across *= 2;
  const int down = kRowThreads / across;
  Plan plan;
  plan.grid.x = blocks_for(rows, int64_t{down} * rows_per_thread);
  plan.block = {across, down};
  return plan;
}

// Null views: there is no batch; each row is valid, a sequence of its own, at t = 0.
struct RowPlaces {
  View<const int32_t, 1> offsets;  // [T+1]
  View<const int32_t, 1> active;   // [T]
};

}  // namespace sluice::cuda
