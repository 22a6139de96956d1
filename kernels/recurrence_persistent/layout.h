// What a plan means for a block: sizes that the host reckons with and the kernels use.
#pragma once

#include <algorithm>

#include "kernels/cells/cells.h"
#include "kernels/core/divisor.h"
#include "kernels/core/macros.h"
#include "kernels/recurrence_persistent/recurrence_persistent.h"

namespace sluice::cuda {

inline constexpr int kPersistentThreads = 256;
inline constexpr int kPersistentWarps = kPersistentThreads / 32;
inline constexpr int kMaxTileRows = 8;
inline constexpr int kMaxTiles = 6;  // of a group
// Of a thread's part of a sum, the k whose weights may lie in registers: one for each of its outputs, up to
// 48 or 64 in all. With 80, or with more tiles, ptxas spills a few bytes on sm_100a and sm_120.
template <int kOutputs>
inline constexpr int kRegisterK[] = {48 / kOutputs / 4 * 4, 64 / kOutputs / 4 * 4};
// The same of a warp's part in 16 bits: 16 weights of each k, a quarter of a thread's register.
inline constexpr int kMmaRegisterK = 512;
// What a load of 128 bits of a row serves: two of the tensor cores' steps of 16.
inline constexpr int kMmaK = 32;
inline constexpr int kRingStages = 2;
// Values that a (row, unit) keeps from step to step: c and h; dc and what backward keeps of dh.
inline constexpr int kKeptStates = 2;
// Values of a (row, unit) that are fetched ahead: x_pre; slots, c or h of the step before, and dy.
template <class Cell>
inline constexpr int kForwardItems = Cell::kGates;
template <class Cell>
inline constexpr int kBackwardItems = Cell::kSaved + 2;

// Note [Product]
// A block computes out[row, 4 V outputs] = sum over k of in[row, k] * weight[k, output], for tile_rows rows.
// Forward: 4 outputs are the gates of unit v, k < H. Backward: 4 neighbouring units, and k are the G H
// gradients of R h, with those before them from a multiple of 4 on, whose weights are zero. The sum is cut
// into parts, whose sums lie in shared memory until one thread for each (row, unit) adds them up in order.
// A cell of 3 gates has 3 outputs of a unit forward in f32. By tensor cores it has 4, one of zero weights: 16
// outputs a warp would take as many warps either way.
// In f32 (product_fma.cuh) a thread has 4 outputs and a part; lane = part * V + v, so 32 / V parts lie in a
// warp and 256 / V in the block.
// In 16 bits (product_mma.cuh) a warp has a part and 16 outputs, the rows of the tensor cores' A; B has 8
// rows of the tile. 16 output_tiles() cover the outputs, and 8 / output_tiles() parts lie in the block.
struct ProductLayout {
  int V;           // groups of outputs
  int outputs;     // of a group: 3 or 4
  int K;           // of the sum, a multiple of 4
  int register_k;  // of each part
  int shared_k;
  int tile_rows;
  bool mma;  // by tensor cores

  // What those make: worked out once, by product_layout().
  int lane_parts = 0, output_tiles = 0, parts = 0;
  // Of a row of the tile, in elements. Of 16 bits, an odd multiple of 64 bytes: the eight lanes that load 128
  // bits at once, four of each of two rows, then meet in no bank.
  int stride = 0;
  // Of the partial sums of a row and part, in f32 words: 4 more than a multiple of 16 keep the banks of
  // neighbouring rows apart.
  int sums_stride = 0;
  int sums = 0;  // of a tile, in f32 words

  SLUICE_HD int part_k() const { return register_k + shared_k; }
  SLUICE_HD int padded_k() const { return parts * part_k(); }
  // In f32 words: the weights in shared memory.
  int shared_weights() const { return shared_k * outputs * kPersistentThreads / (mma ? 16 : 1); }
};

// Elements of a row of h', in whole loads of 128 bits.
SLUICE_HD int padded_hidden(int H, int element) {
  const int wide = 16 / element;
  return (H + wide - 1) / wide * wide;
}

// First column of the slots [*,S*H] that backward multiplies with R.
template <class Cell>
SLUICE_HD int first_gathered(int H) {
  return (Cell::kSaved - Cell::kGates) * H / 4 * 4;
}

// plan: its units, register_k, shared_k and tile_rows.
template <class Cell>
ProductLayout product_layout(Pass pass, const PersistentShape& s, const PersistentPlan& plan) {
  const bool forward = pass == Pass::forward, mma = s.element == 2;
  ProductLayout p = {.V = forward ? plan.units : plan.units / 4,
                     .outputs = forward && !mma ? Cell::kGates : 4,
                     .K = forward ? padded_hidden(s.hidden, s.element)
                                  : Cell::kSaved * s.hidden - first_gathered<Cell>(s.hidden),
                     .register_k = plan.register_k,
                     .shared_k = plan.shared_k,
                     .tile_rows = plan.tile_rows,
                     .mma = mma};
  p.lane_parts = 32 / p.V;
  p.output_tiles = (4 * p.V + 15) / 16;
  p.parts = mma ? kPersistentWarps / p.output_tiles : kPersistentThreads / p.V;
  p.stride = mma ? (p.padded_k() + 31) / 64 * 64 + 32 : p.padded_k() + 4;
  p.sums_stride = 16 * p.output_tiles + 4;
  p.sums = mma ? p.parts * kMaxTileRows * p.sums_stride : p.tile_rows * 4 * kPersistentThreads;
  return p;
}

// A block's dynamic shared memory, in f32 words, one region after the other.
struct SharedLayout {
  int weights, tile, partials, ring, states, end;
  int rows;        // of all tiles of the group
  int tiles_rows;  // in `tile`: of a wave, or, in a cluster, what this step reads of all and what the next
                   // one does
};
template <class Cell>
SharedLayout shared_layout(Pass pass, const ProductLayout& product, const PersistentPlan& plan,
                           int sequences) {
  const int items = pass == Pass::forward ? kForwardItems<Cell> : kBackwardItems<Cell>;
  SharedLayout s = {};
  s.rows = plan.tiles(plan.rows(sequences)) * plan.tile_rows;
  s.tiles_rows = plan.cluster ? 2 * s.rows : plan.wave * plan.tile_rows;
  s.tile = s.weights + product.shared_weights();
  s.partials = s.tile + s.tiles_rows * product.stride / (product.mma ? 2 : 1);
  s.ring = s.partials + plan.wave * product.sums;
  s.states = s.ring + kRingStages * items * s.rows * plan.units;
  s.end = s.states + kKeptStates * s.rows * plan.units;
  return s;
}

// All that a kernel would work out of plan and shape, by divisions above all.
struct Layouts {
  ProductLayout product;
  SharedLayout shared;
  // By flags: the copies of a row that is gathered, of so many bytes each.
  int gather_bytes;
  Divisor gather_copies;
  // By a cluster: the stores of 128 bits of a wave that a block sends to each of the others; of a row; of a
  // row's segment.
  Divisor sent, sent_of_row, sent_of_segment;
};
template <class Cell>
Layouts layouts_of(Pass pass, const PersistentShape& s, const PersistentPlan& plan) {
  Layouts l = {};
  l.product = product_layout<Cell>(pass, s, plan);
  l.shared = shared_layout<Cell>(pass, l.product, plan, s.sequences);
  const int first = pass == Pass::forward ? 0 : first_gathered<Cell>(s.hidden) * s.element,
            row = pass == Pass::forward ? l.product.K * s.element : Cell::kSaved * s.hidden * s.element,
            bytes = l.product.K * s.element;
  l.gather_bytes = first % 16 == 0 && row % 16 == 0 && bytes % 16 == 0 ? 16 : 8;
  l.gather_copies = Divisor(bytes / l.gather_bytes);
  const int segments = pass == Pass::forward ? 1 : Cell::kGates,
            of_segment = std::max(1, plan.units * s.element / 16);
  l.sent_of_segment = Divisor(of_segment);
  l.sent_of_row = Divisor(segments * of_segment);
  l.sent = Divisor(plan.wave * plan.tile_rows * segments * of_segment);
  return l;
}

// The same for the shape's cell.
inline ProductLayout product_layout(Pass pass, const PersistentShape& s, const PersistentPlan& plan) {
  return dispatch_cell(s.cell, [&]<class Cell>() { return product_layout<Cell>(pass, s, plan); });
}
inline SharedLayout shared_layout(Pass pass, const PersistentShape& s, const PersistentPlan& plan) {
  return dispatch_cell(s.cell, [&]<class Cell>() {
    return shared_layout<Cell>(pass, product_layout<Cell>(pass, s, plan), plan, s.sequences);
  });
}

}  // namespace sluice::cuda
