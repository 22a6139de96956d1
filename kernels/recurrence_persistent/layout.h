// What a plan means for a block: sizes that the host reckons with and the kernels use.
#pragma once

#include "kernels/core/macros.h"
#include "kernels/recurrence_persistent/recurrence_persistent.h"

namespace sluice::cuda {

inline constexpr int kPersistentThreads = 256;
inline constexpr int kPersistentWarps = kPersistentThreads / 32;
inline constexpr int kMaxTileRows = 8;
// Tiles of a group: a thread keeps one cell state in a register for each.
inline constexpr int kMaxTiles = 6;
// Of a thread's part of a sum, what may lie in registers: four weights for each k. With 20, or with more
// tiles, ptxas spills a few bytes on sm_100a and sm_120.
inline constexpr int kRegisterK[] = {12, 16};
inline constexpr int kRingStages = 2;
// Values of a (row, unit) that are fetched ahead: x_pre; gates, c of the step before and dy.
inline constexpr int kForwardItems = 4, kBackwardItems = 6;

// Note [Product]
// A block computes out[row, 4 V outputs] = sum over k of in[row, k] * weight[k, output], for tile_rows rows.
// A thread has 4 outputs and a part of the sum; lane = part * V + v, so 32 / V parts lie in a warp and 256 /
// V in the block. Forward: the 4 outputs are the gates of unit v, k < H. Backward: 4 neighbouring units, k <
// 4H.
struct ProductLayout {
  int V;           // groups of 4 outputs
  int K;           // of the sum, a multiple of 4
  int register_k;  // of each thread
  int shared_k;

  SLUICE_HD int lane_parts() const { return 32 / V; }
  SLUICE_HD int parts() const { return kPersistentThreads / V; }
  SLUICE_HD int padded_k() const { return parts() * (register_k + shared_k); }
  SLUICE_HD int stride() const { return padded_k() + 4; }  // of a row of the tile, in elements
};

SLUICE_HD int padded_hidden(int H) {
  return (H + 3) / 4 * 4;
}

SLUICE_HD ProductLayout product_layout(Pass pass, int hidden, const PersistentPlan& plan) {
  if (pass == Pass::forward) return {plan.units, padded_hidden(hidden), plan.register_k, plan.shared_k};
  return {plan.units / 4, 4 * hidden, plan.register_k, plan.shared_k};
}

// A block's dynamic shared memory, in f32 words, one region after the other.
struct SharedLayout {
  int weights, tile, partials, ring, end;
};
SLUICE_HD SharedLayout shared_layout(Pass pass, const ProductLayout& product, const PersistentPlan& plan,
                                     int sequences) {
  const int tiles = (plan.rows(sequences) + plan.tile_rows - 1) / plan.tile_rows,
            items = pass == Pass::forward ? kForwardItems : kBackwardItems;
  SharedLayout s = {};
  s.tile = s.weights + product.shared_k * 4 * kPersistentThreads;
  s.partials = s.tile + plan.tile_rows * product.stride();
  s.ring = s.partials + plan.tile_rows * 4 * kPersistentThreads;
  s.end = s.ring + kRingStages * items * tiles * plan.tile_rows * plan.units;
  return s;
}

}  // namespace sluice::cuda
