// A ragged batch as segments of steps with the same number of active sequences, for libraries that know no
// ragged batches.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/batch.h"

namespace sluice {

// A segment: `steps` steps from `first` on, with `active` sequences each.
struct Segment {
  int first, steps, active;
};

inline std::vector<Segment> segments_of(const HostBatch& batch) {
  std::vector<Segment> result;
  for (int t = 0; t < batch.steps; ++t) {
    const int active = batch.active[static_cast<size_t>(t)];
    if (active == 0) break;
    if (!result.empty() && result.back().active == active)
      ++result.back().steps;
    else
      result.push_back({t, 1, active});
  }
  return result;
}

// The most that the sum of `active` over segments can be: sum of active <= rows, and segments differ in
// active.
inline int64_t most_segment_rows(const MaxShape& max) {
  const int64_t B = max.sequences;
  return std::min<int64_t>(max.rows, B * (B + 1) / 2);
}

}  // namespace sluice
