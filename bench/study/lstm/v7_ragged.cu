// v7: ragged batches, no padding is ever computed.
//
// Before:  v6 ran every row for as many steps as the longest of the batch has. Texts are of very different
//          lengths: half of a batch is easily padding.
// Teaches: rows sorted by length, the longest first, so that those which still run at a step are a prefix.
//          Dealt round-robin, row b to group b mod P, they remain sorted within a group, and all groups get
//          much the same lengths. A group computes its prefix, shorter and shorter, and ends with its own
//          longest row: no group waits for another one's.
// Maths:   as v2, for t < lengths[b].
// Grid:    as v6.
// Bytes:   as v6, of the rows that run: padding is neither read nor written.
// Waste:   what is left to the production kernel (kernels/recurrence_persistent): x is fetched when it is
//          needed and not two steps ahead; one direction; units and tiles fixed instead of planned for shape
//          and GPU; a wait without an end where a block is lost.
// Sync:    as v6. All blocks of a group find the same number of steps and of rows from the lengths alone, so
//          that each epoch that is waited for is published. A row of length 0 is never in a prefix.
#include <algorithm>

#include "bench/study/lstm/device.cuh"
#include "kernels/core/flags.cuh"
#include "kernels/core/mutant.h"

namespace sluice::study {
namespace {

constexpr int kUnits = 16, kParts = 16, kThreads = kUnits * kParts, kTileRows = 8;
constexpr int kChunkK = kParts * 4;  // k that one round of all parts covers, 4 each
constexpr int kChunks = kMostHidden / kChunkK;

// A block's shared memory.
struct Shared {
  float* h;          // [kTileRows][H]
  float4* partials;  // [kTileRows][kParts][kUnits], sums of the four gates
  float* c;          // [rows of the group][kUnits]

  __device__ Shared(float4* memory, int H)
      : h(reinterpret_cast<float*>(memory)),
        partials(reinterpret_cast<float4*>(h + kTileRows * H)),
        c(reinterpret_cast<float*>(partials + kTileRows * kParts * kUnits)) {}
  static size_t bytes(int H, int rows) {
    return sizeof(float) *
           static_cast<size_t>(kTileRows * H + 4 * kTileRows * kParts * kUnits + rows * kUnits);
  }
};

// Where a thread stands in the product, and whose cell it computes afterwards.
struct Thread {
  int unit = static_cast<int>(threadIdx.x) % kUnits, part = static_cast<int>(threadIdx.x) / kUnits;
  int row = part;  // of a tile; kTileRows and above: none
  int j;           // may be H or more: then there is no such unit

  __device__ explicit Thread(int block) : j(block * kUnits + unit) {}
};

// A block's place: group g's block has the units [16 block, 16 block + 16) of the rows g, g + P, ...
struct Team {
  int groups, blocks, group, block, rows;
  uint32_t* flags;  // [blocks] of the group

  __device__ Team(const Problem& p, int P, uint32_t* all_flags)
      : groups(P),
        blocks(static_cast<int>(gridDim.x) / P),
        group(static_cast<int>(blockIdx.x) / blocks),
        block(static_cast<int>(blockIdx.x) % blocks),
        rows((p.B - group + P - 1) / P),
        flags(all_flags + group * blocks) {}
  __device__ int sequence(int row) const { return group + row * groups; }

  // This block has done `steps` steps. All of its threads call.
  __device__ void publish(int steps) const {
    if (!SLUICE_MUTANT(study_publish_without_barrier)) __syncthreads();
    if (threadIdx.x == 0) cuda::release_flag(flags + block, static_cast<uint32_t>(steps));
  }

  // Until every block of the group has done `steps` steps.
  __device__ void wait(int steps) const {
    if (SLUICE_MUTANT(study_wait_for_the_epoch_before)) --steps;
    if (threadIdx.x < 32)
      for (int other = static_cast<int>(threadIdx.x); other < blocks; other += 32)
        while (static_cast<int>(cuda::acquire_flag(flags + other)) < steps) {
        }
    __syncthreads();
  }
};

// A thread's part of R: the four gates of its unit for every k that is its part's.
struct Weights {
  float4 of[kChunks][4];

  __device__ Weights(const Problem& p, const Thread& me) {
#pragma unroll
    for (int i = 0; i < kChunks * 4; ++i) {
      const int k = i / 4 * kChunkK + me.part * 4 + i % 4;
      const auto weight = [&](int gate) { return p.R[(gate * p.H + me.j) * p.H + k]; };
      const bool inside = k < p.H && me.j < p.H;
      of[i / 4][i % 4] = inside ? make_float4(weight(0), weight(1), weight(2), weight(3)) : float4{};
    }
  }
};

// h [B,H] of the group's rows [first, first + rows) to the tile.
__device__ void load_h(const float* h, int H, int first, int rows, const Team& team, const Shared& s) {
  const int quads = H / 4;
  for (int i = static_cast<int>(threadIdx.x); i < rows * quads; i += kThreads) {
    const int row = i / quads, k = i % quads * 4;
    *reinterpret_cast<float4*>(s.h + row * H + k) =
        *reinterpret_cast<const float4*>(h + team.sequence(first + row) * H + k);
  }
}

// This thread's part of the sums of its unit and the tile's rows.
__device__ void multiply(const Weights& weights, int H, int rows, const Thread& me, const Shared& s) {
  float4 sums[kTileRows] = {};
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int k = chunk * kChunkK + me.part * 4;
    if (k >= H) break;
#pragma unroll
    for (int row = 0; row < kTileRows; ++row) {
      if (row >= rows) break;
      const float4 h = *reinterpret_cast<const float4*>(s.h + row * H + k);
      add(sums[row], h.x, weights.of[chunk][0]);
      add(sums[row], h.y, weights.of[chunk][1]);
      add(sums[row], h.z, weights.of[chunk][2]);
      add(sums[row], h.w, weights.of[chunk][3]);
    }
  }
#pragma unroll
  for (int row = 0; row < kTileRows; ++row)
    if (row < rows) s.partials[(row * kParts + me.part) * kUnits + me.unit] = sums[row];
}

// The cell of (row, j) at step t, where the tile begins at row `first` of the group.
__device__ void finish(const Problem& p, int t, int first, const Team& team, const Thread& me,
                       const Shared& s) {
  float4 sum = {};
  for (int part = 0; part < kParts; ++part)
    add(sum, 1.0f, s.partials[(me.row * kParts + part) * kUnits + me.unit]);
  const int64_t row = int64_t{t} * p.B + team.sequence(first + me.row);
  float* c = s.c + (first + me.row) * kUnits + me.unit;
  float x[4], gates[4], next[2];
#pragma unroll
  for (int q = 0; q < 4; ++q) x[q] = p.x_pre[row * 4 * p.H + q * p.H + me.j];
  const float of_h[4] = {sum.x, sum.y, sum.z, sum.w}, bias[4] = {}, before[2] = {0.0f, *c};
  Lstm::forward(x, of_h, bias, before, gates, next);
  p.y[row * p.H + me.j] = next[0];
  *c = next[1];
}

__global__ void __launch_bounds__(kThreads, 1) persistent(const Problem p, int groups, uint32_t* flags) {
  extern __shared__ float4 memory[];
  const Shared s(memory, p.H);
  const Team team(p, groups, flags);
  const Thread me(team.block);
  const bool owner = me.row < kTileRows && me.j < p.H;
  const Weights weights(p, me);
  for (int row = me.row; row < team.rows && owner; row += kTileRows)
    s.c[row * kUnits + me.unit] = p.c0[team.sequence(row) * p.H + me.j];
  const int steps = p.lengths[team.sequence(0)];  // of the longest row
  int active = team.rows;
  for (int t = 0; t < steps; ++t) {
    while (p.lengths[team.sequence(active - 1)] + (SLUICE_MUTANT(study_prefix_off_by_one) ? 1 : 0) <= t)
      --active;
    const float* h = t == 0 ? p.h0 : p.y + int64_t{t - 1} * p.B * p.H;
    team.wait(t);
    for (int first = 0; first < active; first += kTileRows) {
      const int rows = min(active - first, kTileRows);
      load_h(h, p.H, first, rows, team, s);
      __syncthreads();
      multiply(weights, p.H, rows, me, s);
      __syncthreads();
      if (owner && me.row < rows) finish(p, t, first, team, me, s);
    }
    team.publish(t + 1);
  }
  for (int row = me.row; row < team.rows && owner; row += kTileRows)
    p.cT[team.sequence(row) * p.H + me.j] = s.c[row * kUnits + me.unit];
}

}  // namespace

Pass v7_ragged(const Problem& p) {
  const int blocks = (p.H + kUnits - 1) / kUnits, groups = std::clamp(multiprocessors() / blocks, 1, p.B);
  const Plan plan{.grid = {.x = blocks * groups},
                  .block = {.x = kThreads},
                  .shared = Shared::bytes(p.H, (p.B + groups - 1) / groups),
                  .cooperative = true};
  const size_t count = static_cast<size_t>(blocks * groups);
  const std::shared_ptr<uint32_t> flags = device_array<uint32_t>(count);
  return [=](cudaStream_t stream) {
    check_cuda("cudaMemsetAsync", cudaMemsetAsync(flags.get(), 0, count * sizeof(uint32_t), stream));
    launch_kernel("persistent", persistent, plan, stream, p, groups, flags.get());
  };
}

}  // namespace sluice::study
