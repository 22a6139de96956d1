// v4: one launch for all steps, R on the chip.
//
// Before:  v3 fetched all of R, 16 H * H bytes, from the L2 cache at every step, and began every step with
//          two launches. Nothing stayed on a multiprocessor from one step to the next.
// Teaches: blocks that live as long as the sequence. A block owns 4 units: their 16 rows of R lie in its
//          shared memory from the first step to the last, and their c as well. What passes between blocks is
//          h alone, and y is where it passes: step t writes y[t], step t + 1 reads it.
// Maths:   as v2; a block has the four sums of its units, so the product's sums never see global memory.
// Grid:    H / 4 blocks, one on a multiprocessor, all there at once (a cooperative launch). 256 threads = 16
//          parts of the sum over k x 4 lanes of rows x 4 units; a thread adds 4 gates of 8 rows of a tile of
//          32 rows, the parts meet in shared memory.
// Bytes:   from global memory, each step: h once for each block, 4 B H * H / 4; x 16 B H, y 4 B H. R and c
//          once in all. From shared memory 1.5 bytes a multiply-add: 4 weights and 8 h for 32 of them.
// Waste:   weights are read from shared memory again for every tile. Every block fetches every row's h and
//          waits for every other block: grid.sync takes an H100 over 1 us (public measurements).
// Sync:    y[t] written before read: grid.sync() stands between step t and t + 1, and orders all that any
//          thread of the grid did before it. Never overwritten: each step has its own place in y. h and
//          partials in shared memory: each is written after a barrier that follows its last read, and read
//          after a barrier that follows its last write. c has one owner, thread (row, unit).
#include <cooperative_groups.h>

#include "bench/study/lstm/device.cuh"

namespace sluice::study {
namespace {

constexpr int kUnits = 4, kRowLanes = 4, kParts = 16, kThreads = kUnits * kRowLanes * kParts;
constexpr int kRowsOfThread = 8, kTileRows = kRowLanes * kRowsOfThread;
constexpr int kPad = 8;  // floats: rows of the tile begin in different banks

// A block's shared memory.
struct Shared {
  float4* R;         // [H][kUnits], the four gates' weights
  float* h;          // [kTileRows][H + kPad]
  float4* partials;  // [kTileRows][kParts][kUnits], sums of the four gates
  float* c;          // [B][kUnits]

  __device__ Shared(float4* memory, int H)
      : R(memory),
        h(reinterpret_cast<float*>(R + H * kUnits)),
        partials(reinterpret_cast<float4*>(h + kTileRows * (H + kPad))),
        c(reinterpret_cast<float*>(partials + kTileRows * kParts * kUnits)) {}
  static size_t bytes(int H, int B) {
    return sizeof(float) * static_cast<size_t>(4 * H * kUnits + kTileRows * (H + kPad) +
                                               4 * kTileRows * kParts * kUnits + B * kUnits);
  }
};

// Where a thread stands in the product, and whose cell it computes afterwards.
struct Thread {
  int index = static_cast<int>(threadIdx.x), first_unit = static_cast<int>(blockIdx.x) * kUnits;
  int unit = index % kUnits, row_lane = index / kUnits % kRowLanes, part = index / (kUnits * kRowLanes);
  int row = index / kUnits;  // of a tile; kTileRows and above: none
  int j = first_unit + unit;
};

__device__ void load_weights(const Problem& p, const Thread& me, const Shared& s) {
  for (int i = me.index; i < p.H * kUnits; i += kThreads) {
    const int k = i % p.H, unit = i / p.H, j = me.first_unit + unit;
    const auto weight = [&](int gate) { return p.R[(gate * p.H + j) * p.H + k]; };
    s.R[k * kUnits + unit] = make_float4(weight(0), weight(1), weight(2), weight(3));
  }
}

// h [B,H], rows [first, first + rows), to the tile, and zeros to where the last lanes of rows have none.
__device__ void load_h(const float* h, int H, int first, int rows, const Thread& me, const Shared& s) {
  const int quads = H / 4, all_rows = (rows + kRowLanes - 1) / kRowLanes * kRowLanes;
  for (int i = me.index; i < all_rows * quads; i += kThreads) {
    const int row = i / quads, k = i % quads * 4;
    const float4 zero = {};
    *reinterpret_cast<float4*>(s.h + row * (H + kPad) + k) =
        row < rows ? *reinterpret_cast<const float4*>(h + (first + row) * H + k) : zero;
  }
}

// This thread's part of the sums of its unit and its rows.
__device__ void multiply(int H, int rows, const Thread& me, const Shared& s) {
  float4 sums[kRowsOfThread] = {};
  for (int k = me.part * 4; k < H; k += kParts * 4) {
    float4 weights[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) weights[e] = s.R[(k + e) * kUnits + me.unit];
#pragma unroll
    for (int i = 0; i < kRowsOfThread; ++i) {
      if (i * kRowLanes >= rows) break;
      const int row = i * kRowLanes + me.row_lane;
      const float4 h = *reinterpret_cast<const float4*>(s.h + row * (H + kPad) + k);
      add(sums[i], h.x, weights[0]);
      add(sums[i], h.y, weights[1]);
      add(sums[i], h.z, weights[2]);
      add(sums[i], h.w, weights[3]);
    }
  }
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i)
    if (i * kRowLanes < rows)
      s.partials[((i * kRowLanes + me.row_lane) * kParts + me.part) * kUnits + me.unit] = sums[i];
}

// The cell of (b, j) at step t, where b is this thread's row of the tile that begins at row `first`.
__device__ void finish(const Problem& p, int t, int first, const Thread& me, const Shared& s) {
  float4 sum = {};
  for (int part = 0; part < kParts; ++part)
    add(sum, 1.0f, s.partials[(me.row * kParts + part) * kUnits + me.unit]);
  const int b = first + me.row;
  const int64_t row = int64_t{t} * p.B + b;
  float* c = s.c + b * kUnits + me.unit;
  float x[4], gates[4], next[2];
#pragma unroll
  for (int q = 0; q < 4; ++q) x[q] = p.x_pre[row * 4 * p.H + q * p.H + me.j];
  const float of_h[4] = {sum.x, sum.y, sum.z, sum.w}, bias[4] = {}, before[2] = {0.0f, *c};
  Lstm::forward(x, of_h, bias, before, gates, next);
  p.y[row * p.H + me.j] = next[0];
  *c = next[1];
}

__global__ void __launch_bounds__(kThreads, 1) persistent(const Problem p) {
  extern __shared__ float4 memory[];
  const Shared s(memory, p.H);
  const Thread me;
  const bool owner = me.row < kTileRows;
  load_weights(p, me, s);
  for (int b = me.row; b < p.B && owner; b += kTileRows) s.c[b * kUnits + me.unit] = p.c0[b * p.H + me.j];
  for (int t = 0; t < p.T; ++t) {
    const float* h = t == 0 ? p.h0 : p.y + int64_t{t - 1} * p.B * p.H;
    for (int first = 0; first < p.B; first += kTileRows) {
      const int rows = min(p.B - first, kTileRows);
      load_h(h, p.H, first, rows, me, s);
      __syncthreads();
      multiply(p.H, rows, me, s);
      __syncthreads();
      if (me.row < rows) finish(p, t, first, me, s);
    }
    cooperative_groups::this_grid().sync();
  }
  for (int b = me.row; b < p.B && owner; b += kTileRows) p.cT[b * p.H + me.j] = s.c[b * kUnits + me.unit];
}

}  // namespace

Pass v4_persistent(const Problem& p) {
  const Plan plan{.grid = {.x = p.H / kUnits},
                  .block = {.x = kThreads},
                  .shared = Shared::bytes(p.H, p.B),
                  .cooperative = true};
  return [=](cudaStream_t stream) { launch_kernel("persistent", persistent, plan, stream, p); };
}

}  // namespace sluice::study
