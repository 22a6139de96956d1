// A whole pass of a recurrence through time in one launch: R stays on the chip.
//
// Note [Teams]
// The blocks of a launch, one on an SM, form teams. A team is one direction d and one of P groups of the
// batch: the rows b = p, p + P, ... of the sorted batch, so that the groups' lengths are much alike. Its G
// blocks share the H units; together they hold all of R. Nothing passes between teams, and each stops at its
// own longest row. Where D * P teams do not fit the GPU at once, several launches follow each other.
#pragma once

#include <cstdint>

#include "kernels/batch/rows.h"
#include "kernels/cells/cell.h"
#include "kernels/core/macros.h"
#include "kernels/core/plan.h"
#include "kernels/core/stream.h"
#include "kernels/core/view.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

enum class Pass : uint8_t { forward, backward };

struct PersistentShape {
  CellKind cell = CellKind::lstm;
  int hidden = 0;      // H
  int sequences = 0;   // B
  int directions = 1;  // D
  int element = 4;     // bytes of what is stored: f32, or a type of 16 bits
};

// How a pass is laid out; made by plan() alone.
struct PersistentPlan {
  int units = 0;       // U, of a block: 8, 16 or 32
  int blocks = 0;      // G, of a team
  int groups = 0;      // P, of the batch
  int tile_rows = 0;   // rows that are multiplied at once
  int register_k = 0;  // of a part of the sum, a thread's or a warp's (Note [Product]): in registers,
  int shared_k = 0;    // and in shared memory
  int teams_at_once = 0;
  int launches = 1;
  size_t shared = 0;  // bytes of a block
  double step = 0;    // cycles of a step with all rows active, MODEL

  SLUICE_HD int rows(int sequences) const {
    return (sequences + groups - 1) / groups;
  }  // of the largest group
};

// By H, B, D and the GPU's limits; `Refusal` says why not.
Planned<PersistentPlan> plan(Pass, const PersistentShape&, const DeviceProps&);

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

// Elements of PersistentForwardParams::h_exchange.
int64_t exchange_size(const PersistentShape&);

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
  int64_t patience = int64_t{1} << 22;  // looks at a flag before its block counts as lost; some seconds
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
  View<const T, 2> y, dy;  // [N,D*H]
  struct Direction {
    StepMasks<A> masks;
    View<const T, 2> R;         // [G*H,H]
    View<const A, 2> c_saved;   // [N,H]
    View<const A, 2> h0, c0;    // [B,H] or null (zero)
    View<const A, 2> dhT, dcT;  // [B,H] or null (zero)
    View<T, 2> slots;           // [N,S*H] what forward saved; = gradients of the sums before activation
    View<A, 2> dh0, dc0;        // [B,H] = or null
  } directions[2];
};

// Every block of a launch must be resident at once: a cooperative launch, which fails otherwise.
template <class T>
void launch(const PersistentForwardParams<T>&, cudaStream_t);
template <class T>
void launch(const PersistentBackwardParams<T>&, cudaStream_t);

}  // namespace sluice::cuda
