// Backward through all steps in one launch, R on the chip: slots become the gradients of their sums.
//
// Maths:   steps in the other order; for the rows b active at step t:
//            dh = dy[t,b] + mask * (d(R h) R)[step after, b] + what zoneout and a GRU's z kept; dhT where b
//            ends at t; d_slots, dc from the cell, d(R h) being G of the slots (Note [Slots]); and where a
//            row has no step before: dh0, dc0.
//          dR, dW, dx, db, sums over rows, are the caller's.
// Shapes:  as recurrence_step; Note [Teams], Note [Product]: a block gathers d(R h) [rows,G*H] of all its
//          team and multiplies them with R's columns of its own units.
// Grid:    one block of 256 threads on an SM: blocks * teams of the plan; cooperative.
// Turn m:  wait for the d_slots of turn m - 1; for each wave of tiles: d(R h) to shared memory, where it is
//          not there yet, partial sums, one (row, unit) for each thread; own d_slots published, or sent to
//          the cluster; then the fetch of slots, c or h before (of a GRU, from y) and dy two turns ahead. One
//          turn more than steps ends what ends at the first step.
// Bytes:   R once; each step and row: slots in and out, c or h, dy: 10 H elements (c in f32 always), and
//          blocks * G * H of d(R h) through L2, or between shared memories.
// Sync:    d_slots lie in `slots`, where each row is written once: nothing is overwritten that another block
//          may still read (before that, a row is only read by the thread that will write it, by its fetch).
//          A block's flag of epoch m + 1 says that its d_slots of turn m are written. Written before
//          read: stores, barrier of the block, release; acquire, barrier, asynchronous copies.
//          A cluster's blocks hold d(R h) in two buffers: those of turn m are sent to buffer m % 2 once a
//          wave is finished, after the block has all that was sent at turn m - 1, by blocks that had
//          multiplied, and met at a barrier, the same wave of turn m - 2, which that buffer held. Written
//          before read: own units by a barrier, the others' by their mbarrier (exchange_cluster.cuh). Tile,
//          partials, residency, waits: as in forward.cuh. In 16 bits two lanes fetch the pair of values that
//          either owns one of; neither writes before both have waited for it (Ring::wait).
// Chunks:  a launch may take a part of the turns (Note [Chunks]). Its first needs no wait: the d_slots that
//          it gathers and what it resumes were written by the launch before, whose end orders all of it.
// Rounds:  in 16 bits d_slots, where they are published. Gradients of states and sums are f32.
#pragma once

#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/exchange_cluster.cuh"
#include "kernels/recurrence_persistent/exchange_flags.cuh"
#include "kernels/recurrence_persistent/gather.cuh"
#include "kernels/recurrence_persistent/launch.cuh"
#include "kernels/recurrence_persistent/product.cuh"
#include "kernels/recurrence_persistent/ring.cuh"
#include "kernels/recurrence_persistent/team.cuh"
#include "kernels/recurrence_step/masks.cuh"

namespace sluice::cuda {

template <class Cell, class T, int kFixedK, class Exchange>
class PersistentBackward {
 public:
  using Params = PersistentBackwardParams<T>;
  using Direction = typename Params::Direction;
  using Product = ProductOf<T, kFixedK, 4>;

  __device__ PersistentBackward(const Params& p, const Layouts& layouts, const Team& team, float* shared)
      : p_(p),
        d_(p.directions[team.direction]),
        layouts_(layouts),
        team_(team),
        turns_(own_turns()),
        places_(team, Pass::backward, turns_.begin),
        H_(p.shape.hidden),
        me_(p.plan, H_, team.block),
        shared_(shared),
        exchange_(p.plan, layouts, team, p.exchange),
        gather_(layouts),
        ring_(shared + layouts.shared.ring, p.plan, p.shape),
        dc_(shared + layouts.shared.states, p.plan),
        dh_kept_(shared + layouts.shared.states + layouts.shared.rows * p.plan.units, p.plan) {}

  __device__ void run() {
    if (p_.turns.begin == 0)
      start();
    else
      resume();
    if (turns_.begin == turns_.end) return keep();
    const Product product(layouts_.product, shared_ + layouts_.shared.weights, [&](int v, int q, int k) {
      const int j = team_.block * p_.plan.units + 4 * v + q,
                gate = first_gathered<Cell>(H_) + k - (Cell::kSaved - Cell::kGates) * H_;
      return j < H_ && gate >= 0 && gate < Cell::kGates * H_ ? d_.R(gate, j) : T(0.0f);
    });
    for (int i = static_cast<int>(threadIdx.x); i < layouts_.shared.tiles_rows * layouts_.product.stride;
         i += kPersistentThreads)
      tile_rows()[i] = T(0.0f);  // also what pads a row
    if constexpr (kCluster) {
      if (turns_.begin > 0) take_up();
      exchange_.begin();
    } else {
      __syncthreads();
    }
    for (int stage = 0; stage < kRingStages; ++stage) fetch(turns_.begin + stage);
    for (int m = turns_.begin; m < turns_.end && turn(product, m); ++m) fetch(m + kRingStages);
    if constexpr (kCluster) exchange_.end();
    keep();
  }

 private:
  static constexpr int kItemBefore = Cell::kSaved, kItemDy = kItemBefore + 1;  // of the ring, after the slots
  static constexpr bool kHasC = Cell::kStates == 2;
  static constexpr bool kCluster = Exchange::kCluster;
  static_assert(Cell::kSaved == 4 && kHasC != Cell::kCarriesH);

  __device__ T* tile_rows() const { return reinterpret_cast<T*>(shared_ + layouts_.shared.tile); }
  __device__ float mask(int b) const { return draw<1>(d_.masks.recurrent, me_.j, b).at[0]; }
  __device__ float dhT(int b) const { return d_.dhT ? d_.dhT(b, me_.j) : 0.0f; }

  // dcT to where dc is kept; rows of length 0 end here.
  __device__ void start() {
    const int with_steps = team_.steps > 0 ? team_.rows_of(p_.places.active(0)) : 0;
    for_own_rows([&](int tile, int i, int b) {
      const float dcT = kHasC && d_.dcT ? d_.dcT(b, me_.j) : 0.0f;
      if constexpr (kHasC) dc_[tile] = dcT;
      dh_kept_[tile] = 0.0f;
      if (i >= with_steps) write_state(b, dhT(b), dcT);
    });
  }

  // ---- Note [Chunks]

  __device__ bool last_chunk() const { return p_.turns.end == static_cast<int>(p_.places.active.dims[0]); }
  // The team's turns of this launch; that past the last step comes with the last chunk.
  __device__ Turns own_turns() const {
    const int end = own_turn(p_.turns.end), more = d_.dh0 || (kHasC && d_.dc0) ? 1 : 0;
    return {own_turn(p_.turns.begin), end + (last_chunk() && team_.steps > 0 ? more : 0)};
  }
  // A team of fewer steps begins later in direction 0 and ends earlier in direction 1.
  __device__ int own_turn(int turn) const {
    const int missing = static_cast<int>(p_.places.active.dims[0]) - team_.steps;
    return team_.direction == 1 ? min(turn, team_.steps) : max(turn - missing, 0);
  }

  // What threads keep between turns: left for the next launch, and taken up by it.
  __device__ void keep() {
    if (last_chunk()) return;
    for_own_rows([&](int tile, int /*i*/, int b) {
      if constexpr (kHasC) d_.dc_kept(b, me_.j) = dc_[tile];
      d_.dh_kept(b, me_.j) = dh_kept_[tile];
    });
  }
  __device__ void resume() {
    for_own_rows([&](int tile, int /*i*/, int b) {
      if constexpr (kHasC) dc_[tile] = SLUICE_MUTANT(dc_not_resumed) ? 0.0f : d_.dc_kept(b, me_.j);
      dh_kept_[tile] = SLUICE_MUTANT(dh_not_resumed) ? 0.0f : d_.dh_kept(b, me_.j);
    });
  }
  // A cluster's d(R h) of the last turn of the launch before.
  __device__ void take_up() const {
    if (SLUICE_MUTANT(nothing_taken_up)) return;
    if (!SLUICE_MUTANT(take_up_without_barrier)) __syncthreads();
    const int m = turns_.begin - 1;
    for (int first = 0; first < places_.rows(m); first += p_.plan.tile_rows)
      gather(m, first, min(places_.rows(m) - first, p_.plan.tile_rows), d_recurrent(m, first));
  }
  template <class F>
  __device__ void for_own_rows(const F& f) {
    for (int tile = 0; tile < p_.plan.tiles(team_.all_rows); ++tile) {
      const int i = tile * p_.plan.tile_rows + me_.row;
      if (me_.at_work && i < team_.all_rows) f(tile, i, team_.sequence(i));
    }
  }

  __device__ void write_state(int b, float dh, float dc) const {
    if (d_.dh0) d_.dh0(b, me_.j) = dh;
    if constexpr (kHasC)
      if (d_.dc0) d_.dc0(b, me_.j) = dc;
  }

  // Starts to fetch what turn m reads at its own (row, unit).
  __device__ void fetch(int m) {
    const int here = places_.rows(m);
    for (int tile = 0; tile * p_.plan.tile_rows < here; ++tile) {
      const int i = tile * p_.plan.tile_rows + me_.row;
      if (!me_.at_work || i >= here) continue;
      const int64_t row = places_.row(m, i);
      const T* slots = d_.slots.row(row) + me_.j;
      for (int q = 0; q < Cell::kSaved; ++q) ring_.fetch(m, tile, q, slots + int64_t{q} * H_);
      fetch_before(m, tile, i);
      ring_.fetch(m, tile, kItemDy, &p_.dy(row, int64_t{team_.direction} * H_ + me_.j));
    }
    ring_.commit();
  }

  // What the cell reads of the step before: c, or h, which is y or, looked up when it is needed, h0.
  __device__ void fetch_before(int m, int tile, int i) {
    const int64_t row = i < places_.rows(m + 1) ? places_.row(m + 1, i) : -1;
    if constexpr (!kHasC) {
      if (row >= 0) ring_.fetch(m, tile, kItemBefore, &p_.y(row, int64_t{team_.direction} * H_ + me_.j));
    } else if (row >= 0) {
      ring_.fetch(m, tile, kItemBefore, &d_.c_saved(row, me_.j));
    } else if (d_.c0) {
      ring_.fetch(m, tile, kItemBefore, &d_.c0(team_.sequence(i), me_.j));
    } else {
      ring_.fetch_zero(m, tile, kItemBefore, d_.c_saved.data);
    }
  }
  __device__ float before(int m, int tile, int i) const {
    if constexpr (kHasC) return ring_.get_f32(m, tile, kItemBefore);
    if (i < places_.rows(m + 1)) return ring_.get(m, tile, kItemBefore);
    return d_.h0 ? d_.h0(team_.sequence(i), me_.j) : 0.0f;
  }

  // False: a block of the team did not come.
  __device__ bool turn(const Product& product, int m) {
    places_.enter(m);
    ring_.wait();
    const int known = places_.rows(m - 1), all = max(known, places_.rows(m));
    bool lost = !wait(m, known);
    if (!kCluster && lost) return false;
#pragma unroll 1
    for (int tile = 0; tile * p_.plan.tile_rows < all; tile += p_.plan.wave) {
      const int tile_rows = p_.plan.tile_rows, first = tile * tile_rows,
                here = min(all - first, p_.plan.wave * tile_rows), later = min(here, known - first);
      float* partials = shared_ + layouts_.shared.partials;
      if (later > 0) {
        const T* in = gathered_wave(m - 1, first, later);
        for (int w = 0; w * tile_rows < later; ++w)
          product.multiply(min(later - w * tile_rows, tile_rows),
                           in + w * tile_rows * layouts_.product.stride,
                           partials + w * layouts_.product.sums);
        // Threads of a cluster's block wait each for themselves.
        if constexpr (kCluster)
          lost = __syncthreads_or(lost);
        else if (!SLUICE_MUTANT(backward_sums_without_barrier))
          __syncthreads();
        if (kCluster && lost) return false;
      }
      for (int w = 0; w * tile_rows < here; ++w) {
        const int row = w * tile_rows + me_.row;
        if (me_.at_work && row < here)
          finish(product, partials + w * layouts_.product.sums, m, tile + w, first + row, known);
      }
      if constexpr (kCluster) send(m, first);
    }
    if constexpr (!kCluster)
      if (places_.rows(m) > 0) exchange_.publish();
    return true;
  }

  // For d(R h) of turn m - 1, of this launch.
  __device__ bool wait(int m, int known) {
    if (known == 0 || m == turns_.begin) return true;
    if constexpr (kCluster)
      return exchange_.wait(
          known * (layouts_.product.K - Cell::kGates * own_units()) * static_cast<int>(sizeof(T)), m);
    else
      return exchange_.wait(m);
  }

  // d(R h) of turn m that a cluster's block holds, of row i of the group.
  __device__ T* d_recurrent(int m, int i) const {
    const int buffer = SLUICE_MUTANT(one_exchange_buffer) ? 0 : m % 2;
    return tile_rows() + (buffer * layouts_.shared.rows + i) * layouts_.product.stride;
  }
  __device__ int own_units() const {
    return min(p_.plan.units, H_ - team_.block * p_.plan.units);
  }
  __device__ void send(int m, int first) {
    if (!SLUICE_MUTANT(send_without_barrier)) __syncthreads();
    const int here = min(places_.rows(m) - first, p_.plan.wave * p_.plan.tile_rows);
    if (m + 1 < turns_.end)
      exchange_.send(d_recurrent(m, first) + team_.block * p_.plan.units, here, H_, own_units());
  }

  // A wave's d(R h) of turn m, in shared memory.
  __device__ const T* gathered_wave(int m, int first, int rows) const {
    if constexpr (kCluster) return d_recurrent(m, first);
    gather(m, first, rows, tile_rows());
    if (!SLUICE_MUTANT(backward_tile_without_barrier)) __syncthreads();
    return tile_rows();
  }

  __device__ void gather(int m, int first, int rows, T* to) const {
    gather_.rows(static_cast<const T*>(d_.slots.row(places_.row(m, first))) + first_gathered<Cell>(H_),
                 p_.plan.groups * d_.slots.dims[1], rows, to);
  }

  __device__ void finish(const Product& product, const float* partials, int m, int tile, int i, int known) {
    const int b = team_.sequence(i);
    float dh;
    if (i < known) {
      dh = product.sum(partials, me_.row, me_.unit);  // d(R h) R
      if (d_.masks.dropout) dh *= mask(b);
      dh += dh_kept_[tile];
    } else {
      dh = dhT(b);
    }
    if (i >= places_.rows(m)) return write_state(b, dh, dc_[tile]);

    float slots[Cell::kSaved], prev[Cell::kStates] = {};
#pragma unroll
    for (int q = 0; q < Cell::kSaved; ++q) slots[q] = ring_.get(m, tile, q);
    prev[Cell::kStates - 1] = before(m, tile, i);  // c or, of a cell without, h
    float dc = kHasC ? dc_[tile] : 0.0f, dh_kept = 0, dc_kept = 0;
    dh += ring_.get(m, tile, kItemDy);
    // What zoneout keeps goes to the state before, the rest through the cell.
    if (d_.masks.zoneout) {
      const int t = places_.step(m);
      const float share_h = draw<1>(d_.masks.hidden, me_.j, b, t).at[0];
      dh_kept = share_h * dh;
      dh *= 1.0f - share_h;
      if constexpr (kHasC) {
        const float share_c = draw<1>(d_.masks.cell, me_.j, b, t).at[0];
        dc_kept = share_c * dc;
        dc *= 1.0f - share_c;
      }
    }
    float d[Cell::kStates] = {dh};
    if constexpr (kHasC) d[1] = dc;
    Cell::backward(slots, prev, d);
    if constexpr (Cell::kCarriesH) dh_kept += d[0];
    dh_kept_[tile] = dh_kept;
    if constexpr (kHasC) dc_[tile] = d[1] + dc_kept;
    T* to = d_.slots.row(places_.row(m, i)) + me_.j;
#pragma unroll
    for (int q = 0; q < Cell::kSaved; ++q) to[int64_t{q} * H_] = static_cast<T>(slots[q]);
    if constexpr (kCluster) {
      T* here = d_recurrent(m, i) + me_.j;
#pragma unroll
      for (int q = 0; q < Cell::kGates; ++q)
        here[q * H_] = static_cast<T>(slots[Cell::kSaved - Cell::kGates + q]);
    }
  }

  const Params& p_;
  const Direction& d_;
  const Layouts& layouts_;
  const Team& team_;
  const Turns turns_;
  StepPlaces places_;
  const int H_;
  const Finisher me_;
  float* const shared_;
  Exchange exchange_;
  const Gather gather_;
  Ring<T, kBackwardItems<Cell>> ring_;
  const OfTiles dc_, dh_kept_;  // dc_: kHasC
};

template <class Cell, class T, int kFixedK, class Exchange>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent_backward(const __grid_constant__ PersistentBackwardParams<T> p,
                        const __grid_constant__ Layouts layouts, int first_team) {
  if constexpr (Exchange::kCluster && !kTargetHasClusters) {
    __trap();
  } else {
    extern __shared__ float4 shared[];
    const Team team(p.plan, p.shape, p.places, p.exchange, first_team);
    PersistentBackward<Cell, T, kFixedK, Exchange> backward(p, layouts, team,
                                                            reinterpret_cast<float*>(shared));
    backward.run();
  }
}

// One version with and without recurrent dropout and zoneout, which all threads of a launch test for alike.
template <class Cell, int kFixedK, class T>
void launch_cell(const PersistentBackwardParams<T>& p, cudaStream_t stream) {
  launch_teams("persistent_backward", layouts_of<Cell>(Pass::backward, p.shape, p.plan),
               p.plan.cluster ? persistent_backward<Cell, T, kFixedK, ClusterExchange>
                              : persistent_backward<Cell, T, kFixedK, FlagExchange>,
               p, stream);
}

// A GRU's: in backward_gru.cu.
template <class T>
void launch_gru(const PersistentBackwardParams<T>& p, cudaStream_t stream);

}  // namespace sluice::cuda
