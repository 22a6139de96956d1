// What a step of each version asks of an H100, and how long it would take: MODEL, nobody measured it.
//
//   seconds = launches * what each takes + barrier
//           + (max(multiply-adds / 128, accesses) + bytes from L2 / 35 + flags + gates and states) / clock
//           + bytes of x and y / memory bandwidth
//
// of the busiest multiprocessor; an access is what it loads or stores at once: 128 bytes of shared memory or
// one cache line. What comes from L2 is added because a barrier stands between it and the products.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bench/study/lstm/study.h"
#include "kernels/core/gpus.h"
#include "kernels/model/recurrence_model.h"
#include "kernels/recurrence_persistent/cycles.h"

namespace sluice::study {
namespace {

// Public H100 measurements: launches of small kernels by a stream one after another; cooperative groups'
// grid.sync() of 32 to 132 blocks.
constexpr double kStreamLaunch = 2.1e-6, kGridBarrier = 1.09e-6;
constexpr double kParts = 16, kThreads = 256, kLine = 128;

double blocks_of(double items, double each) {
  return std::ceil(items / each);
}

struct Shape {
  double H, B, multiprocessors;
  double units() const { return B * H; }
};

// Bytes that v1 and v2 ask for after the product, for each unit of each row.
constexpr double kSeparately = 80, kFused = 44;
// x in and y out, which no cache holds.
constexpr double kFromMemory = 20;

// v1 and v2: a thread for each sum; its lanes' 32 rows of R are 32 cache lines, h is one.
StepModel naive(const Shape& s, double launches, double pointwise) {
  const double multiply_adds = 4 * s.H * s.units(), bytes = pointwise * s.units();
  return {.launches = launches,
          .overhead = launches * kStreamLaunch,
          .multiply_adds = multiply_adds / s.multiprocessors,
          .accesses = (multiply_adds * (1 + 1.0 / 32) + bytes / kLine) / s.multiprocessors,
          .memory = kFromMemory * s.units(),
          .global = 8 * multiply_adds + 16 * s.units() + bytes};
}

// v3: blocks of 32 x 32 sums, two by two in a thread.
StepModel tiled(const Shape& s) {
  constexpr double kTile = 32;
  const double across = blocks_of(4 * s.H, kTile), down = blocks_of(s.B, kTile), blocks = across * down,
               k = kTile * blocks_of(s.H, kTile), waves = blocks_of(blocks, s.multiprocessors),
               tiles_in = 2 * kTile * k * 4, operands = kThreads * k * 16;
  return {.launches = 2,
          .overhead = 2 * cuda::kGraphNode,
          .multiply_adds = waves * kTile * kTile * k,
          .accesses = waves * (2 * tiles_in + operands) / kLine,
          .from_l2 = waves * tiles_in,
          .memory = kFromMemory * s.units(),
          .global = 4 * s.H * (s.B * across + 4 * s.H * down) + (16 + kFused) * s.units(),
          .shared = blocks * (tiles_in + operands)};
}

// Cycles of an H100, from public measurements: 0.70 us to hand a flag on (store, release, acquire, load
// through L2), 0.20 us for gates and states, bytes from L2 while all multiprocessors read (arXiv 2501.12084).
constexpr double kExchangeCycles = 1230, kPointwiseCycles = 350, kFmaPerCycle = 128, kL2BytesPerCycle = 35;

// How the persistent versions share the work.
struct Layout {
  double units, row_lanes;  // of a block; threads that share a unit and a part of k
  bool weights_in_shared;
  double barrier;  // seconds, of the grid,
  double flags;    // or cycles, of a group
  double blocks(const Shape& s) const { return blocks_of(s.H, units); }
};
constexpr Layout kShared{4, 4, true, kGridBarrier, 0}, kRegisters{4, 4, false, kGridBarrier, 0},
    kGroups{16, 1, false, 0, kExchangeCycles};

// `rows` of a group; `groups` of them.
StepModel persistent(const Shape& s, const Layout& l, double rows, double groups) {
  const double rows_read = l.row_lanes * blocks_of(rows, l.row_lanes),
               tiles = blocks_of(rows, 8 * l.row_lanes), of_unit = l.units * rows, h_in = 4 * s.H * rows,
               partials = 2 * 16 * kParts * of_unit, c = 8 * of_unit,
               weights = l.weights_in_shared ? tiles * kThreads * s.H : 0,
               shared = 4 * s.H * rows_read * (1 + l.units) + weights + partials + c,
               global = h_in + kFromMemory * of_unit, blocks = groups * l.blocks(s);
  return {.overhead = l.barrier,
          .multiply_adds = 4 * l.units * s.H * rows,
          .accesses = (shared + global) / kLine,
          .from_l2 = h_in,
          .latency = kPointwiseCycles + l.flags,
          .memory = kFromMemory * s.H * rows * groups,
          .global = blocks * global,
          .shared = blocks * shared};
}

double groups_of(const Shape& s) {
  return std::clamp(std::floor(s.multiprocessors / kGroups.blocks(s)), 1.0, s.B);
}

StepModel grouped(const Shape& s, double active) {
  const double groups = groups_of(s);
  return persistent(s, kGroups, std::ceil(active / groups), groups);
}

}  // namespace

double StepModel::seconds() const {
  const GpuSpeeds& h100 = *speeds_of("H100 SXM");
  const double cycles =
      std::max(multiply_adds / kFmaPerCycle, accesses) + from_l2 / kL2BytesPerCycle + latency;
  return overhead + cycles / h100.clock + memory / h100.memory;
}

StepModel model_step(const std::string& version, int H, int B, int active, int multiprocessors) {
  const Shape s{static_cast<double>(H), static_cast<double>(B), static_cast<double>(multiprocessors)};
  if (version == "v1_naive") return naive(s, 7, kSeparately);
  if (version == "v2_fused") return naive(s, 2, kFused);
  if (version == "v3_graph") return tiled(s);
  if (version == "v4_persistent") return persistent(s, kShared, s.B, 1);
  if (version == "v5_registers") return persistent(s, kRegisters, s.B, 1);
  if (version == "v6_groups") return grouped(s, s.B);
  if (version == "v7_ragged") return grouped(s, active);
  throw std::invalid_argument("no model of " + version);
}

}  // namespace sluice::study
