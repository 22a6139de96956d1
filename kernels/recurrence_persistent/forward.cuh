// Forward through all steps in one launch, R on the chip.
//
// Maths:   for each step t of a direction, rows b active at t:
//            slots, h and an LSTM's c from the cell (kernels/cells) by x_pre[t,b], h' R^T and b; zoneout
//            mixes h and c with those before; h' = recurrent dropout's mask * h of the step before.
// Shapes:  as recurrence_step; Note [Teams] says who has which rows and units, Note [Product] who multiplies.
// Grid:    one block of 256 threads on an SM: blocks * teams of the plan; cooperative.
// Step:    wait for the team's h'; for each wave of tiles: h' to shared memory, where it is not there yet,
//          partial sums, one (row, unit) of a tile for each thread: sum of the parts in their order, x_pre,
//          bias, cell; h' of the own units published, or sent to the cluster; then what nobody waits for: y,
//          slots, c of the last tile, and the fetch of x_pre two steps ahead. A GRU's h is kept as an LSTM's
//          c is, by the thread itself, unmasked and in f32.
// Bytes:   R once; each step and row: of an LSTM x_pre 4, gates 4, c, y, and h' in once by its writer: 11 H
//          elements (c in f32 always) to and from global memory, of a GRU x_pre 3, slots 4, y, h': 9 H; and
//          blocks * H elements of h' through L2, or between shared memories.
// Rounds:  in 16 bits what is stored: h' where it is published, slots, y. States and sums are f32.
// Sync:    h' lies in two buffers, steps k reads buffer k % 2 and writes the other.
//          By flags: a block's flag of epoch e = k + 1 says that the h' that step k reads is written, its own
//          units. Epochs count the steps.
//          Written before read: stores, barrier of the block, release; acquire, barrier, loads.
//          Read before overwritten: a block writes buffer (k + 1) % 2 at step k after it has seen every flag
//          at k + 1; a block sets its flag to k + 1 at the end of step k - 1 after all its threads have read
//          that buffer (a barrier lies between).
//          By a cluster: the buffers lie in each block, who fills them himself and sends, once a wave is
//          finished, the rows that the next step has.
//          Written before read: own units by a barrier, the others' by their mbarrier (exchange_cluster.cuh).
//          Read before overwritten: a block sends a wave's rows of h' k + 1 at step k after it has all of h'
//          k, each sent by a block that had multiplied, and met at a barrier, those rows of h' k - 1, which
//          lie in the buffer that k + 1 goes to. Rows that join at step k nobody has read before. A row that
//          joins later (reverse direction) finds mask * h0 in either buffer: both are filled before epoch 1,
//          or before the blocks of a cluster meet, and only rows that are active are written. Tile, partials:
//          each is written after a barrier that follows its last read. Everything else has one owner, who
//          reads before he writes (slots may be x_pre: a row is fetched by the thread that will write it, and
//          waited for first; in 16 bits also by the lane beside it: Ring::wait). All blocks are resident: the
//          launch is cooperative. A wait has an end: Team::wait.
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

// What one (row, unit) leaves for backward and for the caller; written when nobody waits for it any more.
template <class Cell>
struct ForwardResult {
  int64_t row = -1;
  float slots[Cell::kSaved], h, c;  // c: of cells that have one
};

template <class Cell, class T, int kFixedK, class Exchange>
class PersistentForward {
 public:
  using Params = PersistentForwardParams<T>;
  using Direction = typename Params::Direction;
  using Product = ProductOf<T, kFixedK, Cell::kGates>;

  __device__ PersistentForward(const Params& p, const Layouts& layouts, const Team& team, float* shared)
      : p_(p),
        d_(p.directions[team.direction]),
        layouts_(layouts),
        team_(team),
        places_(team, Pass::forward, 0),
        H_(p.shape.hidden),
        me_(p.plan, H_, team.block),
        shared_(shared),
        exchange_(p.plan, layouts, team, p.exchange),
        gather_(layouts),
        ring_(shared + layouts.shared.ring, p.plan, p.shape),
        c_(shared + layouts.shared.states, p.plan),
        h_(shared + layouts.shared.states + layouts.shared.rows * p.plan.units, p.plan) {
    if (!me_.at_work) return;
    for (int q = 0; q < Cell::kSaved; ++q) bias_[q] = d_.b(q * H_ + me_.j);
  }

  __device__ void run() {
    start();
    if (team_.steps == 0) return;
    const Product product(layouts_.product, shared_ + layouts_.shared.weights, [&](int v, int q, int k) {
      const int j = team_.block * p_.plan.units + v;
      return q < Cell::kGates && j < H_ && k < H_ ? d_.R(q * H_ + j, k) : T(0.0f);
    });
    fill();
    for (int k = 0; k < kRingStages; ++k) fetch(k);
    begin();
    for (int k = 0; k < team_.steps && step(product, k); ++k) fetch(k + kRingStages);
    if constexpr (kCluster) exchange_.end();
  }

 private:
  static constexpr bool kHasC = Cell::kStates == 2;
  // Zoneout reads h of the step before, also of a cell that does not: y in f32, where it is not rounded.
  static constexpr bool kKeepsH = Cell::kCarriesH || sizeof(T) == 2;
  static constexpr bool kCluster = Exchange::kCluster;

  __device__ T* tile_rows() const { return reinterpret_cast<T*>(shared_ + layouts_.shared.tile); }
  __device__ int stride() const { return layouts_.product.K; }  // of a row of h'
  // h' that step k reads, of row i of the group: of a cluster in shared memory.
  __device__ T* h_exchange(int k, int i) const {
    const int buffer = SLUICE_MUTANT(one_exchange_buffer) ? 0 : k % 2;
    if constexpr (kCluster)
      return tile_rows() + (buffer * layouts_.shared.rows + i) * layouts_.product.stride;
    else
      return p_.h_exchange + ((int64_t{buffer} * p_.shape.directions + team_.direction) * p_.shape.sequences +
                              team_.sequence(i)) *
                                 stride();
  }
  __device__ float mask(int b, int j) const { return draw<1>(d_.masks.recurrent, j, b).at[0]; }

  // The initial state: c and h to where they are kept, mask * h0 to both buffers; rows of length 0 end here.
  __device__ void start() {
    const bool pads = me_.row < p_.plan.tile_rows && me_.j >= H_ && me_.j < stride();
    const int with_steps = team_.steps > 0 ? team_.rows_of(p_.places.active(0)) : 0;
    for (int tile = 0; tile < p_.plan.tiles(team_.all_rows); ++tile) {
      const int i = tile * p_.plan.tile_rows + me_.row, b = team_.sequence(i);
      if (i >= team_.all_rows || !(me_.at_work || pads)) continue;
      const float h0 = me_.at_work && d_.h0 ? d_.h0(b, me_.j) : 0.0f;
      float h_masked = h0;
      if (me_.at_work) {
        const float c0 = kHasC && d_.c0 ? d_.c0(b, me_.j) : 0.0f;
        if constexpr (kHasC) c_[tile] = c0;
        if constexpr (kKeepsH) h_[tile] = h0;
        if (i >= with_steps) write_state(b, h0, c0);
        if (d_.masks.dropout) h_masked *= mask(b, me_.j);
      }
      if constexpr (!kCluster)
        for (int k = 0; k < (SLUICE_MUTANT(one_buffer_filled) ? 1 : 2); ++k)
          h_exchange(k, i)[me_.j] = static_cast<T>(h_masked);
    }
  }

  // The tile, also what pads its rows, or a cluster's two buffers with all of its team's mask * h0.
  __device__ void fill() const {
    const int stride = layouts_.product.stride;
    for (int at = static_cast<int>(threadIdx.x); at < layouts_.shared.tiles_rows * stride;
         at += kPersistentThreads) {
      float h_masked = 0.0f;
      if constexpr (kCluster) {
        const int i = at / stride % layouts_.shared.rows, j = at % stride, b = team_.sequence(i);
        if (d_.h0 && i < team_.all_rows && j < H_)
          h_masked = d_.h0(b, j) * (d_.masks.dropout ? mask(b, j) : 1.0f);
      }
      tile_rows()[at] = static_cast<T>(h_masked);
    }
  }
  __device__ void begin() {
    if constexpr (kCluster)
      exchange_.begin();
    else
      exchange_.publish();
  }

  __device__ void write_state(int b, float h, float c) const {
    if (d_.hT) d_.hT(b, me_.j) = h;
    if constexpr (kHasC)
      if (d_.cT) d_.cT(b, me_.j) = c;
  }

  // Starts to fetch x_pre of step k.
  __device__ void fetch(int k) {
    const int rows = places_.rows(k);
    for (int tile = 0; tile * p_.plan.tile_rows < rows; ++tile) {
      const int i = tile * p_.plan.tile_rows + me_.row;
      if (!me_.at_work || i >= rows) continue;
      const int64_t row = places_.row(k, i);
      const T* x = d_.x_pre.row(p_.x_index ? p_.x_index(row) : row) + me_.j;
      for (int q = 0; q < Cell::kGates; ++q) ring_.fetch(k, tile, q, x + int64_t{q} * H_);
    }
    ring_.commit();
  }

  // False: a block of the team did not come.
  __device__ bool step(const Product& product, int k) {
    places_.enter(k);
    ring_.wait();
    const int rows = places_.rows(k);
    bool lost = !wait(k, rows);
    if (!kCluster && lost) return false;
    float* partials = shared_ + layouts_.shared.partials;
#pragma unroll 1
    for (int tile = 0; tile * p_.plan.tile_rows < rows; tile += p_.plan.wave) {
      const int tile_rows = p_.plan.tile_rows, first = tile * tile_rows,
                here = min(rows - first, p_.plan.wave * tile_rows);
      const T* in = h_exchange_wave(k, first, here);
      for (int w = 0; w * tile_rows < here; ++w)
        product.multiply(min(here - w * tile_rows, tile_rows), in + w * tile_rows * layouts_.product.stride,
                         partials + w * layouts_.product.sums);
      // Threads of a cluster's block wait each for themselves.
      if constexpr (kCluster)
        lost = __syncthreads_or(lost);
      else if (!SLUICE_MUTANT(forward_sums_without_barrier))
        __syncthreads();
      if (kCluster && lost) return false;
      for (int w = 0; w * tile_rows < here; ++w) {
        write_result();  // of the tile before
        const int row = w * tile_rows + me_.row;
        if (me_.at_work && row < here)
          finish(product, partials + w * layouts_.product.sums, k, tile + w, first + row);
      }
      if constexpr (kCluster) send(k, first, min(here, places_.rows(k + 1) - first));
    }
    if constexpr (!kCluster) exchange_.publish();
    write_result();
    return true;
  }

  // For h' of step k; of a cluster, those that step k - 1 had.
  __device__ bool wait(int k, int rows) {
    if constexpr (kCluster) {
      const int sent = min(rows, places_.rows(k - 1));
      return sent == 0 || exchange_.wait(sent * (stride() - own_columns()) * static_cast<int>(sizeof(T)), k);
    } else {
      return exchange_.wait(k);
    }
  }

  // h' of a row that this block hands over.
  __device__ int own_columns() const {
    return min(p_.plan.units, stride() - team_.block * p_.plan.units);
  }
  __device__ void send(int k, int first, int rows) {
    if (!SLUICE_MUTANT(send_without_barrier)) __syncthreads();
    exchange_.send(h_exchange(k + 1, first) + team_.block * p_.plan.units, rows, 0, own_columns());
  }

  // A wave's h', in shared memory.
  __device__ const T* h_exchange_wave(int k, int first, int rows) const {
    if constexpr (kCluster) return h_exchange(k, first);
    gather_.rows(h_exchange(k, first), int64_t{p_.plan.groups} * stride(), rows, tile_rows());
    if (!SLUICE_MUTANT(forward_tile_without_barrier)) __syncthreads();
    return tile_rows();
  }

  // h of the step before, of zoneout.
  __device__ float h_before(int k, int tile, int i) const {
    if constexpr (kKeepsH) return h_[tile];
    if (i < places_.rows(k - 1))
      return static_cast<float>(p_.y(places_.row(k - 1, i), int64_t{team_.direction} * H_ + me_.j));
    return d_.h0 ? d_.h0(team_.sequence(i), me_.j) : 0.0f;
  }

  __device__ void finish(const Product& product, const float* partials, int k, int tile, int i) {
    float sums[Cell::kGates] = {};
    product.add_sums(partials, me_.row, me_.unit, sums);
    float x[Cell::kGates], slots[Cell::kSaved], prev[Cell::kStates] = {}, next[Cell::kStates];
#pragma unroll
    for (int q = 0; q < Cell::kGates; ++q) x[q] = ring_.get(k, tile, q);
    const int b = team_.sequence(i);
    if constexpr (Cell::kCarriesH) prev[0] = h_[tile];
    if constexpr (kHasC) prev[1] = c_[tile];
    Cell::forward(x, sums, bias_, prev, slots, next);
    float h = next[0], c = next[Cell::kStates - 1];
    if (d_.masks.zoneout) {
      const int t = places_.step(k);
      const float share_h = draw<1>(d_.masks.hidden, me_.j, b, t).at[0];
      h = share_h * h_before(k, tile, i) + (1.0f - share_h) * h;
      if constexpr (kHasC) {
        const float share_c = draw<1>(d_.masks.cell, me_.j, b, t).at[0];
        c = share_c * prev[1] + (1.0f - share_c) * c;
      }
    }
    const float h_masked = d_.masks.dropout ? mask(b, me_.j) * h : h;
    h_exchange(k + 1, i)[me_.j] = static_cast<T>(h_masked);
    if constexpr (kHasC) c_[tile] = c;
    if constexpr (kKeepsH) h_[tile] = h;
    if (i >= places_.rows(k + 1)) write_state(b, h, c);
    result_.row = places_.row(k, i);
#pragma unroll
    for (int q = 0; q < Cell::kSaved; ++q) result_.slots[q] = slots[q];
    result_.h = h;
    result_.c = c;
  }

  __device__ void write_result() {
    if (result_.row < 0) return;
#pragma unroll
    for (int q = 0; q < Cell::kSaved; ++q)
      d_.slots(result_.row, int64_t{q} * H_ + me_.j) = static_cast<T>(result_.slots[q]);
    if constexpr (kHasC) d_.c_saved(result_.row, me_.j) = result_.c;
    p_.y(result_.row, int64_t{team_.direction} * H_ + me_.j) = static_cast<T>(result_.h);
    result_.row = -1;
  }

  const Params& p_;
  const Direction& d_;
  const Layouts& layouts_;
  const Team& team_;
  StepPlaces places_;
  const int H_;
  const Finisher me_;
  float* const shared_;
  Exchange exchange_;
  const Gather gather_;
  Ring<T, kForwardItems<Cell>> ring_;
  float bias_[Cell::kSaved] = {};
  const OfTiles c_, h_;  // kHasC, kKeepsH
  ForwardResult<Cell> result_;
};

template <class Cell, class T, int kFixedK, class Exchange>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent_forward(const __grid_constant__ PersistentForwardParams<T> p,
                       const __grid_constant__ Layouts layouts, int first_team) {
  if constexpr (Exchange::kCluster && !kTargetHasClusters) {
    __trap();
  } else {
    extern __shared__ float4 shared[];
    const Team team(p.plan, p.shape, p.places, p.exchange, first_team);
    PersistentForward<Cell, T, kFixedK, Exchange> forward(p, layouts, team, reinterpret_cast<float*>(shared));
    forward.run();
  }
}

// One version with and without recurrent dropout and zoneout, which all threads of a launch test for alike.
template <class Cell, int kFixedK, class T>
void launch_cell(const PersistentForwardParams<T>& p, cudaStream_t stream) {
  launch_teams("persistent_forward", layouts_of<Cell>(Pass::forward, p.shape, p.plan),
               p.plan.cluster ? persistent_forward<Cell, T, kFixedK, ClusterExchange>
                              : persistent_forward<Cell, T, kFixedK, FlagExchange>,
               p, stream);
}

// A GRU's: in forward_gru.cu.
template <class T>
void launch_gru(const PersistentForwardParams<T>& p, cudaStream_t stream);

}  // namespace sluice::cuda
