// Forward through all steps in one launch, R on the chip.
//
// Maths:   for each step t of a direction, rows b active at t:
//            gates = act(x_pre[t,b] + h' R^T + b); c, h from the cell (kernels/cells); zoneout mixes both
//            with the state before; h' = recurrent dropout's mask * h of the step before.
// Shapes:  as recurrence_step; Note [Teams] says who has which rows and units, Note [Product] who multiplies.
// Grid:    one block of 256 threads on an SM: blocks * teams of the plan; cooperative.
// Step:    wait for the team's h'; for each tile of rows: h' to shared memory, partial sums, one (row, unit)
//          for each thread: sum of the parts in their order, x_pre, bias, cell; h' of the own units
//          published; then what nobody waits for: y, gates, c of the last tile, and the fetch of x_pre two
//          steps ahead.
// Bytes:   R once (4H * H); each step and row: x_pre 4, gates 4, c, y, and h' in once by its writer: 11 H
//          elements to and from global memory, and G * H elements of h' through L2.
// Sync:    h' lies in two buffers, steps k reads buffer k % 2 and writes the other. A block's flag of epoch
//          e = k + 1 says that the h' that step k reads is written, its own units.
//          Written before read: stores, barrier of the block, release; acquire, barrier, loads.
//          Read before overwritten: a block writes buffer (k + 1) % 2 at step k after it has seen every flag
//          at k + 1; a block sets its flag to k + 1 at the end of step k - 1 after all its threads have read
//          that buffer (a barrier lies between).
//          A row that joins later (reverse direction) finds mask * h0 in either buffer: both are filled
//          before epoch 1, and only rows that are active are written.
//          Tile, partials: each is written after a barrier that follows its last read. Everything else has
//          one owner, who reads before he writes (gates may be x_pre: a row is fetched by the thread that
//          will write it, and waited for first).
//          All blocks are resident: the launch is cooperative. A wait has an end: Team::wait.
#include "kernels/cells/lstm.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/launch.cuh"
#include "kernels/recurrence_persistent/product.cuh"
#include "kernels/recurrence_persistent/ring.cuh"
#include "kernels/recurrence_persistent/team.cuh"
#include "kernels/recurrence_step/masks.cuh"

namespace sluice::cuda {
namespace {

using Params = PersistentForwardParams<float>;
using Direction = Params::Direction;

// What one (row, unit) leaves for backward and for the caller; written when nobody waits for it any more.
struct Result {
  int64_t row = -1;
  float gates[4], h, c;
};

template <bool kRegularised>
class Forward {
 public:
  __device__ Forward(const Params& p, const Team& team, float* shared)
      : p_(p),
        d_(p.directions[team.direction]),
        team_(team),
        H_(p.shape.hidden),
        stride_(padded_hidden(H_)),
        me_(p.plan, H_, team.block),
        product_(product_layout(Pass::forward, H_, p.plan)),
        layout_(shared_layout(Pass::forward, product_, p.plan, p.shape.sequences)),
        shared_(shared),
        ring_(shared + layout_.ring, p.plan, p.shape.sequences) {
    if (!me_.at_work) return;
    for (int q = 0; q < 4; ++q) bias_[q] = d_.b(q * H_ + me_.j);
  }

  template <int kFixedK>
  __device__ void run() {
    start();
    if (team_.steps == 0) return;
    const Product<kFixedK> product(product_, reinterpret_cast<float4*>(shared_ + layout_.weights),
                                   [&](int v, int q, int k) {
                                     const int j = team_.block * p_.plan.units + v;
                                     return j < H_ && k < H_ ? d_.R(q * H_ + j, k) : 0.0f;
                                   });
    for (int i = static_cast<int>(threadIdx.x); i < p_.plan.tile_rows * product_.stride();
         i += kPersistentThreads)
      shared_[layout_.tile + i] = 0;  // also what pads a row
    for (int k = 0; k < kRingStages; ++k) fetch(k);
    team_.publish(1);
    for (int k = 0; k < team_.steps; ++k) {
      if (!team_.wait(static_cast<uint32_t>(k) + 1, k)) return;
      step(product, k);
      team_.publish(static_cast<uint32_t>(k) + 2);
      write_result();
      fetch(k + kRingStages);
    }
  }

 private:
  __device__ float* h_exchange(int k) const {
    return p_.h_exchange +
           (int64_t{SLUICE_MUTANT(one_exchange_buffer) ? 0 : k % 2} * p_.shape.directions + team_.direction) *
               p_.shape.sequences * stride_;
  }
  __device__ float mask(int b) const { return draw<1>(d_.masks.recurrent, me_.j, b).at[0]; }
  __device__ int tiles(int rows) const { return (rows + p_.plan.tile_rows - 1) / p_.plan.tile_rows; }

  // The initial state: c to its registers, mask * h0 to both buffers; rows of length 0 end here.
  __device__ void start() {
    const bool pads = me_.row < p_.plan.tile_rows && me_.j >= H_ && me_.j < stride_;
    const int with_steps = team_.rows(0);
#pragma unroll 1
    for (int tile = 0; tile < kMaxTiles; ++tile, c_.turn()) {
      const int i = tile * p_.plan.tile_rows + me_.row, b = team_.sequence(i);
      if (i >= team_.all_rows || !(me_.at_work || pads)) continue;
      const float h0 = me_.at_work && d_.h0 ? d_.h0(b, me_.j) : 0.0f;
      float h_masked = h0;
      if (me_.at_work) {
        c_.front() = d_.c0 ? d_.c0(b, me_.j) : 0.0f;
        if (i >= with_steps) write_state(b, h0, c_.front());
        if constexpr (kRegularised)
          if (d_.masks.dropout) h_masked *= mask(b);
      }
      for (int k = 0; k < (SLUICE_MUTANT(one_buffer_filled) ? 1 : 2); ++k)
        h_exchange(k)[int64_t{b} * stride_ + me_.j] = h_masked;
    }
  }

  __device__ void write_state(int b, float h, float c) const {
    if (d_.hT) d_.hT(b, me_.j) = h;
    if (d_.cT) d_.cT(b, me_.j) = c;
  }

  // Starts to fetch x_pre of step k.
  __device__ void fetch(int k) {
    const int t = team_.step(k), rows = k < team_.steps ? team_.rows(t) : 0;
    for (int tile = 0; tile < tiles(rows); ++tile) {
      const int i = tile * p_.plan.tile_rows + me_.row;
      if (!me_.at_work || i >= rows) continue;
      const int64_t row = team_.row(t, i);
      const float* x = d_.x_pre.row(p_.x_index ? p_.x_index(row) : row) + me_.j;
      for (int q = 0; q < 4; ++q) ring_.fetch(k, tile, q, x + int64_t{q} * H_);
    }
    ring_.commit();
  }

  template <int kFixedK>
  __device__ void step(const Product<kFixedK>& product, int k) {
    const int t = team_.step(k), rows = team_.rows(t);
    float* tile_rows = shared_ + layout_.tile;
    auto* partials = reinterpret_cast<float4*>(shared_ + layout_.partials);
    ring_.wait();
#pragma unroll 1
    for (int tile = 0; tile < kMaxTiles; ++tile, c_.turn()) {
      const int first = tile * p_.plan.tile_rows, here = min(rows - first, p_.plan.tile_rows);
      if (here <= 0) continue;
      gather(h_exchange(k), first, here, tile_rows);
      if (!SLUICE_MUTANT(forward_tile_without_barrier)) __syncthreads();
      multiply_tile(product, here, tile_rows, partials);
      if (!SLUICE_MUTANT(forward_sums_without_barrier)) __syncthreads();
      write_result();  // of the tile before
      if (me_.at_work && me_.row < here) finish(k, t, tile, first + me_.row, partials);
    }
  }

  __device__ void gather(const float* h, int first, int rows, float* to) const {
    const int quads = stride_ / 4;
    for (int i = static_cast<int>(threadIdx.x); i < rows * quads; i += kPersistentThreads) {
      const int row = i / quads, quad = i % quads;
      const float* from = h + int64_t{team_.sequence(first + row)} * stride_ + quad * 4;
      *reinterpret_cast<float4*>(to + row * product_.stride() + quad * 4) =
          __ldcg(reinterpret_cast<const float4*>(from));
    }
  }

  // h of the step before, of zoneout.
  __device__ float h_before(int t, int i) const {
    const int before = team_.before(t);
    if (i < team_.rows(before)) return p_.y(team_.row(before, i), int64_t{team_.direction} * H_ + me_.j);
    return d_.h0 ? d_.h0(team_.sequence(i), me_.j) : 0.0f;
  }

  __device__ void finish(int k, int t, int tile, int i, const float4* partials) {
    const float4* mine = partials + me_.row * kPersistentThreads + me_.unit;
    float sums[4] = {};
    for (int part = 0; part < product_.parts(); ++part) {
      const float4 quad = mine[part * product_.V];
      sums[0] += quad.x, sums[1] += quad.y, sums[2] += quad.z, sums[3] += quad.w;
    }
    float x[4], gates[4], next[2];
#pragma unroll
    for (int q = 0; q < 4; ++q) x[q] = ring_.get(k, tile, q);
    const int b = team_.sequence(i);
    const float c_prev = c_.front(), prev[2] = {0.0f, c_prev};  // an LSTM does not read h itself
    Lstm::forward(x, sums, bias_, prev, gates, next);
    float h = next[0], c = next[1], h_masked;
    if constexpr (kRegularised) {
      if (d_.masks.zoneout) {
        const float share_h = draw<1>(d_.masks.hidden, me_.j, b, t).at[0],
                    share_c = draw<1>(d_.masks.cell, me_.j, b, t).at[0];
        h = share_h * h_before(t, i) + (1.0f - share_h) * h;
        c = share_c * c_prev + (1.0f - share_c) * c;
      }
      h_masked = d_.masks.dropout ? mask(b) * h : h;
    } else {
      h_masked = h;
    }
    h_exchange(k + 1)[int64_t{b} * stride_ + me_.j] = h_masked;
    c_.front() = c;
    if (i >= team_.rows(team_.after(t))) write_state(b, h, c);
    result_.row = team_.row(t, i);
#pragma unroll
    for (int q = 0; q < 4; ++q) result_.gates[q] = gates[q];
    result_.h = h;
    result_.c = c;
  }

  __device__ void write_result() {
    if (result_.row < 0) return;
#pragma unroll
    for (int q = 0; q < 4; ++q) d_.gates(result_.row, int64_t{q} * H_ + me_.j) = result_.gates[q];
    d_.c_saved(result_.row, me_.j) = result_.c;
    p_.y(result_.row, int64_t{team_.direction} * H_ + me_.j) = result_.h;
    result_.row = -1;
  }

  const Params& p_;
  const Direction& d_;
  const Team& team_;
  const int H_, stride_;  // stride_: of a row of h'
  const Finisher me_;
  const ProductLayout product_;
  const SharedLayout layout_;
  float* const shared_;
  Ring<kForwardItems> ring_;
  float bias_[4] = {};
  OfTiles c_;
  Result result_;
};

template <int kFixedK, bool kRegularised>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent_forward(const __grid_constant__ Params p, int first_team) {
  extern __shared__ float4 shared[];
  const Team team(p.plan, p.shape, p.places, p.exchange, first_team);
  Forward<kRegularised> forward(p, team, reinterpret_cast<float*>(shared));
  forward.template run<kFixedK>();
}

template <int kFixedK>
auto kernel_of(bool regularised) {
  return regularised ? persistent_forward<kFixedK, true> : persistent_forward<kFixedK, false>;
}

}  // namespace

template <>
void launch(const Params& p, cudaStream_t stream) {
  bool regularised = false;
  for (const Direction& d : p.directions) regularised |= d.masks.dropout || d.masks.zoneout;
  const auto kernel = p.plan.register_k == kRegisterK[0] ? kernel_of<kRegisterK[0]>(regularised)
                                                         : kernel_of<kRegisterK[1]>(regularised);
  launch_teams("persistent_forward", kernel, p, stream);
}

}  // namespace sluice::cuda
