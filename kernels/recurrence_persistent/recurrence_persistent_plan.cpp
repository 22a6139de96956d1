// Chooses how a pass is laid out, by a model of the time of a step.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/recurrence_persistent/cycles.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {
namespace {

constexpr size_t kStaticShared = 1 << 10;  // what the runtime and the kernel's own variables take

bool by_mma(const PersistentShape& s) {
  return s.element == 2;
}

// How each part of the sum is stored: k in registers as far as they go, up to register_k, the rest in shared
// memory.
void divide(PersistentPlan& p, const ProductLayout& product, int register_k) {
  const int each = (product.K + product.parts - 1) / product.parts;
  if (product.mma) {
    const int padded = (each + kMmaK - 1) / kMmaK * kMmaK;
    p.register_k = std::min(register_k, padded);
    p.shared_k = padded - p.register_k;
  } else {
    p.register_k = register_k;
    p.shared_k = std::max(0, (each - register_k + 3) / 4 * 4);
  }
}

// Clusters of `blocks` that run at once, a block on a multiprocessor: MODEL. A cluster lies within a GPC, and
// what it leaves of one is idle: of an H100's 132 multiprocessors 120 take clusters of 8 (accel-sim PR 87).
int clusters_at_once(const DeviceProps& device, int blocks) {
  const int usable = blocks > 2 ? device.multiprocessors * 10 / 11 : device.multiprocessors;
  return usable / blocks;
}

// Whether the blocks of a team may be a cluster. What they send are whole 128 bits: of h', whose rows are
// padded, or of each gate's H.
bool may_be_cluster(Pass pass, const PersistentShape& s, int blocks, const DeviceProps& device) {
  return blocks <= static_cast<int>(most_in_cluster(device)) &&
         (pass == Pass::forward || s.hidden * s.element % 16 == 0);
}

// Whether a block with the rows of its group fits; with as many tiles at once as there is room for: a wave
// costs its barriers and latencies, whatever it has.
bool fits(PersistentPlan& p, Pass pass, const PersistentShape& s, const DeviceProps& device) {
  for (p.wave = p.tiles(p.rows(std::max(1, s.sequences))); p.wave > 0; --p.wave) {
    p.shared = sizeof(float) * static_cast<size_t>(shared_layout(pass, s, p).end);
    if (p.shared + kStaticShared <= device.shared_per_block) return true;
  }
  return false;
}

// Completes a layout whose units, register_k, tile_rows and cluster are given; false where it does not fit.
bool complete(PersistentPlan& p, Pass pass, const PersistentShape& s, const DeviceProps& device) {
  p.blocks = (s.hidden + p.units - 1) / p.units;
  if (p.cluster && !may_be_cluster(pass, s, p.blocks, device)) return false;
  const int teams = p.cluster ? clusters_at_once(device, p.blocks) : device.multiprocessors / p.blocks,
            sequences = std::max(1, s.sequences), most_rows = kMaxTiles * p.tile_rows;
  if (teams == 0) return false;
  divide(p, product_layout(pass, s, p), p.register_k);
  p.groups = std::clamp(teams / s.directions, 1, sequences);
  p.groups = std::max(p.groups, (sequences + most_rows - 1) / most_rows);
  // Smaller groups, though not all at once, rather than none.
  for (; !fits(p, pass, s, device); p.groups = std::min(2 * p.groups, sequences))
    if (p.groups == sequences) return false;
  p.teams_at_once = std::min(teams, s.directions * p.groups);
  p.launches = (s.directions * p.groups + p.teams_at_once - 1) / p.teams_at_once;
  p.step = p.launches * step_cycles(pass, s, p, p.rows(sequences)).total();
  return true;
}

// Rows that products in f32 compute where a tile has `rows`.
int computed(int rows) {
  return rows > 4 ? 8 : rows > 2 ? 4 : 2;
}

}  // namespace

StepCounts step_counts(Pass pass, const PersistentShape& shape, const PersistentPlan& p, int rows) {
  const ProductLayout product = product_layout(pass, shape, p);
  const CellTraits cell = traits_of(shape.cell);
  const bool forward = pass == Pass::forward;
  const int64_t tiles = (rows + p.tile_rows - 1) / p.tile_rows, k = product.part_k(), e = shape.element,
                own = int64_t{rows} * p.units, f32 = sizeof(float), c = cell.states == 2 ? f32 : 0,
                before = c > 0 ? c : e, inputs = cell.gates, slots = cell.saved;
  StepCounts step;
  const int64_t handed_over = own * (forward ? 1 : inputs) * e;
  step.waves = (tiles + p.wave - 1) / p.wave;
  step.barriers = (p.cluster ? 0 : 2) + 2 * step.waves;  // waiting, publishing; a wave, its sums
  if (p.cluster) {
    step.published = handed_over;
    step.sent = (p.blocks - 1) * handed_over;
  } else {
    step.releases = 1;
    step.acquires = p.blocks;
    step.published = own * (forward ? 1 : slots) * e;
    step.gathered = rows * product.K * e;
  }
  step.fetched = own * (forward ? inputs : slots + 2) * f32;
  step.results = forward ? own * (slots * e + c + e) : p.cluster ? own * slots * e : 0;
  step.ring = own * (forward ? inputs * e : slots * e + before + e);
  // Beside c, dh; forward a GRU's h, and an LSTM's, for zoneout alone, in 16 bits.
  const bool reads_h = !forward || c == 0;
  step.states_in = own * (c + (reads_h ? f32 : 0));
  step.states_out = own * (c + (reads_h || by_mma(shape) ? f32 : 0));
  step.sums_in = own * product.parts * (forward ? 4 : 1) * f32;
  if (product.mma) {
    // A tile is multiplied whole: each warp 16 outputs and 8 rows.
    const int64_t by_warps = tiles * kPersistentWarps, sums = 16 * kMaxTileRows;
    step.mma = by_warps * k / 16;
    step.operands = by_warps * kMaxTileRows * k * e;
    step.weights = by_warps * 16 * p.shared_k * e;
    step.sums_out = by_warps * sums * f32;
  } else {
    const int last = rows - (static_cast<int>(tiles) - 1) * p.tile_rows;
    const int64_t all = (tiles - 1) * computed(p.tile_rows) + computed(last);
    step.fma = all * k * product.outputs * kPersistentWarps;
    step.operands = all * k * f32 * kPersistentThreads;
    step.weights = tiles * p.shared_k * product.outputs * f32 * kPersistentThreads;
    step.sums_out = all * 4 * f32 * kPersistentThreads;
  }
  return step;
}

StepCycles step_cycles(Pass pass, const PersistentShape& shape, const PersistentPlan& p, int rows) {
  const StepCounts counts = step_counts(pass, shape, p, rows);
  const auto cycles = [](int64_t of, double each_cycle) { return static_cast<double>(of) / each_cycle; };
  // What a block sends is as much as it gets.
  StepCycles step = {
      .weights = cycles(counts.weights + (by_mma(shape) ? counts.operands : 0), kSharedBytesPerCycle),
      .exchange =
          p.cluster ? cycles(counts.sent, kClusterBytesPerCycle) : cycles(counts.gathered, kL2BytesPerCycle),
      .latency = p.blocks == 1 ? 0
                 : p.cluster   ? kClusterCycles
                               : kExchangeCycles,
      .pointwise =
          kStepCycles + kWaveCycles * static_cast<double>(counts.waves) + kTileCycles * p.tiles(rows)};
  if (by_mma(shape)) {
    step.products = cycles(counts.mma * 16 * 8 * 16, kMmaPerCycle);
  } else {  // rows that nobody asked for are left out
    const ProductLayout product = product_layout(pass, shape, p);
    step.products =
        cycles(rows * product.part_k() * product.outputs * int64_t{kPersistentThreads}, kFmaPerCycle);
  }
  return step;
}

namespace {

// Of the kernels there are.
std::vector<int> register_ks(Pass pass, const PersistentShape& shape) {
  const ProductLayout product = product_layout(pass, shape, {.units = 8});
  if (product.mma) return {kMmaRegisterK};
  const auto& in_f32 = product.outputs == 3 ? kRegisterK<3> : kRegisterK<4>;
  return {in_f32[0], in_f32[1]};
}

// Whether `a` is to be taken rather than `b`: where they are equally fast, that with more in registers, or of
// smaller tiles.
bool better(const PersistentPlan& a, const PersistentPlan& b) {
  if (b.units == 0 || a.step != b.step) return b.units == 0 || a.step < b.step;
  return a.register_k != b.register_k ? a.register_k > b.register_k : a.tile_rows < b.tile_rows;
}

// Of all units, register_k, tile_rows and exchanges.
PersistentPlan best_of(Pass pass, const PersistentShape& shape, const DeviceProps& device) {
  PersistentPlan best;
  for (int units : {32, 16, 8})
    for (int register_k : register_ks(pass, shape))
      for (int tile_rows : {8, 4, 2})
        for (bool cluster : {false, true}) {
          PersistentPlan candidate;
          candidate.units = units;
          candidate.register_k = register_k;
          candidate.tile_rows = tile_rows;
          candidate.cluster = cluster;
          const auto unwanted = cluster ? PersistentExchange::flags : PersistentExchange::cluster;
          if (shape.exchange != unwanted && complete(candidate, pass, shape, device) &&
              better(candidate, best))
            best = candidate;
        }
  return best;
}

}  // namespace

Planned<PersistentPlan> plan(Pass pass, const PersistentShape& shape, const DeviceProps& device) {
  if (device.major < kLeastMajor)
    return Refusal{"it needs compute capability 8.0, " + device.name + " has " +
                   std::to_string(device.major) + "." + std::to_string(device.minor)};
  const PersistentPlan best = best_of(pass, shape, device);
  if (best.units != 0) return best;
  if (shape.exchange == PersistentExchange::cluster)
    return Refusal{"no cluster of " + std::to_string(most_in_cluster(device)) +
                   " or fewer multiprocessors of " + device.name + " holds R of hidden size " +
                   std::to_string(shape.hidden) + " (backward a multiple of " +
                   std::to_string(16 / shape.element) + ")"};
  const double bytes =
      static_cast<double>(traits_of(shape.cell).gates) * shape.hidden * shape.hidden * shape.element;
  return Refusal{"R of hidden size " + std::to_string(shape.hidden) + ", " +
                 std::to_string(static_cast<int>(bytes / 1e6)) + " MB in " +
                 (by_mma(shape) ? "16 bits" : "f32") + ", does not stay in registers and shared memory of " +
                 std::to_string(device.multiprocessors) + " multiprocessors of " +
                 std::to_string(device.shared_per_block >> 10) + " KB"};
}

namespace {

constexpr int kLeastTurns = 16;      // of a chunk: sums of few rows are slow
constexpr double kLeastGain = 0.02;  // of all the time: less is not worth a model's word

// Cycles of backward in C chunks with all its sums. Those of finished chunks run on multiprocessors that the
// chain leaves idle. What they do not get done runs after it, on all, and before that in the way: between two
// launches of the chain blocks of waiting sums come in, and the chain's wait for their end.
struct ChunkedTimes {
  double chain, restart;   // all steps; what a further launch costs
  double sums, sums_tile;  // of one multiprocessor: all sums; a block's, over all rows
  double idle, all;        // multiprocessors

  double total(int C) const {
    const double finished = sums * (C - 1) / C, room = idle * chain * (C - 1) / C,
                 in_the_way = finished > room ? sums_tile * std::max(0, C - 2) / C : 0;
    return chain + (C - 1) * restart + in_the_way + (sums - std::min(finished, room)) / all;
  }
};

}  // namespace

int backward_chunks(const PersistentShape& shape, const PersistentPlan& p, const SumsOfRows& sums,
                    const DeviceProps& device) {
  if (sums.rows == 0) return 1;
  const double rate = kSumShare * (by_mma(shape) ? kMmaPerCycle : kPeakFmaPerCycle),
               gates = double{1} * traits_of(shape.cell).gates * shape.hidden,
               rows = static_cast<double>(sums.rows), steps = sums.steps;
  const int active = static_cast<int>((sums.rows + sums.steps - 1) / sums.steps);
  const ChunkedTimes times = {
      .chain = steps * p.launches * step_cycles(Pass::backward, shape, p, p.rows(active)).total(),
      .restart = p.launches * (kLaunchCycles + gates * p.units * shape.element / kL2BytesPerCycle),
      .sums = shape.directions * rows * gates * sums.columns / rate,
      .sums_tile = rows * kSumTile / rate,
      .idle = device.multiprocessors - double{1} * p.blocks * p.teams_at_once,
      .all = double{1} * device.multiprocessors};
  int best = 1;
  for (int C = 2; C * kLeastTurns <= sums.steps; ++C)
    if (times.total(C) < times.total(best)) best = C;
  return times.total(best) < (1 - kLeastGain) * times.total(1) ? best : 1;
}

int64_t exchange_size(const PersistentShape& s, const PersistentPlan& p) {
  return p.cluster ? 0 : int64_t{2} * s.directions * s.sequences * padded_hidden(s.hidden, s.element);
}

}  // namespace sluice::cuda
