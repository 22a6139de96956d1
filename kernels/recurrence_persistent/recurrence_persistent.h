// A whole pass of a recurrence through time in one launch: R stays on the chip.
//
// Note [Teams]
// The blocks of a launch, one on an SM, form teams. A team is one direction d and one of P groups of the
// batch: the rows b = p, p + P, ... of the sorted batch, so that the groups' lengths are much alike. Its G
// blocks share the H units; together they hold all of R. Nothing passes between teams, and each stops at its
// own longest row. Where D * P teams do not fit the GPU at once, several launches follow each other.
//
// Note [Exchange]
// What a team's blocks hand to each other once a step lies in global memory, and a flag of each block says
// how far it is (exchange_flags.cuh); or, where a team is a cluster (compute capability 9.0), in the shared
// memory of each, into which the others write (exchange_cluster.cuh).
//
// Note [Chunks]
// Backward may be cut into chunks of turns, a launch each, so that the gradients of weights are summed over
// the rows of the chunks that are done beside the next one. Turns are counted as by a team of all T steps:
// turn u is step T - 1 - u of direction 0 and step u of direction 1, so that the steps of a chunk, and its
// rows, are one range in either direction, whatever lengths the teams have. From chunk to chunk pass d_slots,
// which lie in `slots` anyway, and what a thread keeps in registers between turns, which the same thread
// takes up again: dc_kept and dh_kept. The bits are those of a single launch.
#pragma once

#include <cstdint>

#include "kernels/batch/rows.h"
#include "kernels/cells/cell.h"
#include "kernels/core/macros.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"
#include "kernels/recurrence_persistent/exchange.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

enum class Pass : uint8_t { forward, backward };

struct PersistentShape {
  CellKind cell = CellKind::lstm;
  int hidden = 0;      // H
  int sequences = 0;   // B
  int directions = 1;  // D
  int element = 4;     // bytes of what is stored: f32, or a type of 16 bits
  PersistentExchange exchange = PersistentExchange::automatic;
};

// How a pass is laid out; made by plan() alone.
struct PersistentPlan {
  int units = 0;         // U, of a block: 8, 16 or 32
  int blocks = 0;        // G, of a team
  int groups = 0;        // P, of the batch
  int tile_rows = 0;     // rows that are multiplied at once
  int register_k = 0;    // of a part of the sum, a thread's or a warp's (Note [Product]): in registers,
  int shared_k = 0;      // and in shared memory
  bool cluster = false;  // Note [Exchange]
  int wave = 1;          // tiles that are gathered, multiplied and finished between the same barriers
  int teams_at_once = 0;
  int launches = 1;   // of flags; clusters follow each other by themselves
  size_t shared = 0;  // bytes of a block
  double step = 0;    // cycles of a step with all rows active, MODEL

  SLUICE_HD int rows(int sequences) const {
    return (sequences + groups - 1) / groups;
  }  // of the largest group
  SLUICE_HD int tiles(int rows) const { return (rows + tile_rows - 1) / tile_rows; }
};

// By H, B, D and the GPU's limits; `Refusal` says why not.
Planned<PersistentPlan> plan(Pass, const PersistentShape&, const DeviceProps&);

// What one step, of backward not the first, asks of a block that has `rows` active rows: MODEL, by the plan
// alone. The block has all its units, H is even in 16 bits, nothing is regularised. Bytes are those that all
// threads ask for: a word that 32 lanes read counts 32 times. Left out are lookups of rows' places and of
// parameters. bench/tables holds it against a virtual GPU's counters (steps.pl) and machine code (sass.pl).
struct StepCounts {
  // Instructions of warps, with what is computed beyond the last row and k.
  int64_t fma = 0;  // multiply-adds of products in f32,
  int64_t mma = 0;  // or m16n8k16 in 16 bits
  // Of the block.
  int64_t waves = 0;
  int64_t barriers = 0;
  int64_t releases = 0;  // flags set
  int64_t acquires = 0;  // flags looked at; more where the block has to wait
  // Bytes of global memory.
  static constexpr int64_t kR = 0;  // of R: it was read before the first step
  int64_t published = 0;            // h' or d_gates that the block hands to its team (a cluster's to itself),
  int64_t gathered = 0;             // and what it takes of its team's, to the tile
  int64_t fetched = 0;              // x_pre; gates, c and dy: 32 bits at least
  int64_t results = 0;              // gates, c and y
  // Bytes of shared memory.
  int64_t sent = 0;                       // of a cluster: read, and stored to each of the other blocks
  int64_t operands = 0;                   // read: of the tile, by products,
  int64_t weights = 0;                    // and of R
  int64_t sums_out = 0;                   // partial sums written,
  int64_t sums_in = 0;                    // and read
  int64_t ring = 0;                       // read of what was fetched
  int64_t states_in = 0, states_out = 0;  // what threads keep from step to step

  // Copies to shared memory that are asynchronous count as reads alone.
  static constexpr int64_t kPlace = 8;  // of the rows of a step: looked up ahead
  int64_t written() const { return published + results + sums_out + states_out + kPlace + 4 * releases; }
  int64_t read() const {
    return kR + gathered + fetched + sent + operands + weights + sums_in + ring + states_in + 4 * acquires;
  }
};
StepCounts step_counts(Pass, const PersistentShape&, const PersistentPlan&, int rows);

// What one step costs a block that has `rows` active rows, in cycles: MODEL, by constants of an H100.
struct StepCycles {
  double products = 0;   // multiply-adds
  double weights = 0;    // reads of shared memory beside them: R, and what it is multiplied with
  double exchange = 0;   // bytes of h, or of the gates' gradients, into the multiprocessor
  double latency = 0;    // of the exchange
  double pointwise = 0;  // partial sums, gates, states

  double chain() const { return products > weights ? products : weights; }
  double total() const { return chain() + exchange + latency + pointwise; }
};
StepCycles step_cycles(Pass, const PersistentShape&, const PersistentPlan&, int rows);

// [begin, end)
struct Steps {
  int begin = 0, end = 0;
};
// [begin, end) of backward: Note [Chunks].
struct Turns {
  int begin = 0, end = 0;

  constexpr Steps steps(int64_t direction, int T) const {
    return direction == 1 ? Steps{begin, end} : Steps{T - end, T - begin};
  }
};
// Chunk c of C: as many turns as the others, give or take one.
constexpr Turns turns_of_chunk(int c, int C, int T) {
  const auto cut = [&](int at) { return static_cast<int>(int64_t{T} * at / C); };
  return {cut(c), cut(c + 1)};
}

// The sums over rows that may run beside backward's chain.
struct SumsOfRows {
  int steps = 0;     // T
  int64_t rows = 0;  // N
  // Of all that the gradients of a row's G*H gates are multiplied with: H for dR, E each for dW and dx.
  int columns = 0;
};
// In how many chunks backward runs: as many as pay by what multiprocessors the chain leaves idle. MODEL.
int backward_chunks(const PersistentShape&, const PersistentPlan&, const SumsOfRows&, const DeviceProps&);

// Elements of PersistentForwardParams::h_exchange.
int64_t exchange_size(const PersistentShape&, const PersistentPlan&);

// The word that a kernel leaves when a block waited in vain for its team: 0, or all of this.
struct LostBlock {
  bool lost = false;
  int direction = 0, group = 0, step = 0;

  constexpr uint64_t word() const {
    return uint64_t{lost} << 63 | static_cast<uint64_t>(direction) << 56 |
           static_cast<uint64_t>(group) << 32 | static_cast<uint32_t>(step);
  }
  static constexpr LostBlock of(uint64_t word) {
    return {.lost = word >> 63 != 0,
            .direction = static_cast<int>(word >> 56 & 0x7f),
            .group = static_cast<int>(word >> 32 & 0xffffff),
            .step = static_cast<int>(word & 0xffffffff)};
  }
};

struct Exchange {
  uint32_t* flags = nullptr;            // [blocks * teams_at_once]; zeroed by launch()
  uint64_t* lost = nullptr;             // LostBlock::word(), in host memory
  int64_t patience = int64_t{1} << 22;  // looks before a block counts as lost: some seconds
};

// T is what rows, slots, R and what is multiplied with it are stored in, f32, bf16 or f16; states and
// gradients of states have the type A that T is computed in. Values are rounded where the path `step` rounds.
// G gates and S slots of the cell: Note [Slots] in kernels/cells/cell.h. One of one state ignores what is
// c's.
template <class T>
struct PersistentForwardParams {
  using A = arithmetic_t<T>;
  PersistentPlan plan;
  PersistentShape shape;
  Exchange exchange;
  RowPlaces places;
  View<const int32_t, 1> x_index;  // [N] or null: row r takes x_pre[x_index[r]]
  View<T, 2> y;                    // [N,D*H] = h
  T* h_exchange = nullptr;         // exchange_size()
  struct Direction {
    StepMasks<A> masks;
    View<const T, 2> x_pre;   // [N,G*H], or [U,G*H] with x_index: W x; may lie in `slots`
    View<const T, 2> R;       // [G*H,H]
    View<const A, 1> b;       // [S*H]
    View<const A, 2> h0, c0;  // [B,H] or null (zero)
    View<T, 2> slots;         // [N,S*H] = what the cell saves
    View<A, 2> c_saved;       // [N,H] = c, after zoneout
    View<A, 2> hT, cT;        // [B,H] = or null
  } directions[2];
};

template <class T>
struct PersistentBackwardParams {
  using A = arithmetic_t<T>;
  PersistentPlan plan;
  PersistentShape shape;
  Exchange exchange;
  RowPlaces places;
  Turns turns;             // of this launch; all: {0, T}
  View<const T, 2> y, dy;  // [N,D*H]
  struct Direction {
    StepMasks<A> masks;
    View<const T, 2> R;         // [G*H,H]
    View<const A, 2> c_saved;   // [N,H]
    View<const A, 2> h0, c0;    // [B,H] or null (zero)
    View<const A, 2> dhT, dcT;  // [B,H] or null (zero)
    View<T, 2> slots;           // [N,S*H] what forward saved; = gradients of the sums before activation
    View<A, 2> dh0, dc0;        // [B,H] = or null
    // From chunk to chunk [B,H]; dc_kept: of cells that have a c.
    View<A, 2> dh_kept, dc_kept;
  } directions[2];
};

// Every block of a launch that exchanges by flags must be resident at once: a cooperative launch, which fails
// otherwise. A cluster's blocks always are.
template <class T>
void launch(const PersistentForwardParams<T>&, cudaStream_t);
template <class T>
void launch(const PersistentBackwardParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
