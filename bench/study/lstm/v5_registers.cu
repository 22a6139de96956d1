// v5: R in registers.
//
// Before:  v4 read its weights from shared memory for every tile of rows at every step: 16 of the 48 bytes
//          that a thread read for 32 multiply-adds were numbers that never change. Shared memory gives 128
//          bytes a cycle and takes no multiply-adds itself: at 1.5 bytes for each it was the bound, not
//          arithmetic.
// Teaches: the registers of a multiprocessor, 256 KB, hold more than its shared memory, and multiply-adds
//          take them directly. A thread's weights are 4 gates x 32 k = 128 of its registers, fetched once. An
//          array stays in registers only where every index is a constant: the loops over it are unrolled.
// Maths:   as v2.
// Grid:    as v4: H / 4 blocks of 256 threads, cooperative. One block on a multiprocessor, so that a thread
//          may have 255 registers.
// Bytes:   from global memory as v4. From shared memory 1 byte a multiply-add, 8 h for 32 of them: 128 a
//          cycle, just what 128 multiply-adds take.
// Waste:   every block still fetches every row's h and waits for every other block.
// Sync:    as v4. What left shared memory needed none: it was never written again.
#include <cooperative_groups.h>

#include "bench/study/lstm/device.cuh"

namespace sluice::study {
namespace {

constexpr int kUnits = 4, kRowLanes = 4, kParts = 16, kThreads = kUnits * kRowLanes * kParts;
constexpr int kRowsOfThread = 8, kTileRows = kRowLanes * kRowsOfThread;
constexpr int kChunkK = kParts * 4;  // k that one round of all parts covers, 4 each
constexpr int kChunks = kMostHidden / kChunkK;
constexpr int kPad = 8;  // floats: rows of the tile begin in different banks

// A block's shared memory.
struct Shared {
  float* h;          // [kTileRows][H + kPad]
  float4* partials;  // [kTileRows][kParts][kUnits], sums of the four gates
  float* c;          // [B][kUnits]

  __device__ Shared(float4* memory, int H)
      : h(reinterpret_cast<float*>(memory)),
        partials(reinterpret_cast<float4*>(h + kTileRows * (H + kPad))),
        c(reinterpret_cast<float*>(partials + kTileRows * kParts * kUnits)) {}
  static size_t bytes(int H, int B) {
    return sizeof(float) *
           static_cast<size_t>(kTileRows * (H + kPad) + 4 * kTileRows * kParts * kUnits + B * kUnits);
  }
};

// Where a thread stands in the product, and whose cell it computes afterwards.
struct Thread {
  int index = static_cast<int>(threadIdx.x), first_unit = static_cast<int>(blockIdx.x) * kUnits;
  int unit = index % kUnits, row_lane = index / kUnits % kRowLanes, part = index / (kUnits * kRowLanes);
  int row = index / kUnits;  // of a tile; kTileRows and above: none
  int j = first_unit + unit;
};

// A thread's part of R: the four gates of its unit for every k that is its part's.
struct Weights {
  float4 of[kChunks][4];

  __device__ Weights(const Problem& p, const Thread& me) {
#pragma unroll
    for (int i = 0; i < kChunks * 4; ++i) {
      const int k = i / 4 * kChunkK + me.part * 4 + i % 4;
      const auto weight = [&](int gate) { return p.R[(gate * p.H + me.j) * p.H + k]; };
      of[i / 4][i % 4] = k < p.H ? make_float4(weight(0), weight(1), weight(2), weight(3)) : float4{};
    }
  }
};

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
__device__ void multiply(const Weights& weights, int H, int rows, const Thread& me, const Shared& s) {
  float4 sums[kRowsOfThread] = {};
#pragma unroll
  for (int chunk = 0; chunk < kChunks; ++chunk) {
    const int k = chunk * kChunkK + me.part * 4;
    if (k >= H) break;
#pragma unroll
    for (int i = 0; i < kRowsOfThread; ++i) {
      if (i * kRowLanes >= rows) break;
      const int row = i * kRowLanes + me.row_lane;
      const float4 h = *reinterpret_cast<const float4*>(s.h + row * (H + kPad) + k);
      add(sums[i], h.x, weights.of[chunk][0]);
      add(sums[i], h.y, weights.of[chunk][1]);
      add(sums[i], h.z, weights.of[chunk][2]);
      add(sums[i], h.w, weights.of[chunk][3]);
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
  const Weights weights(p, me);
  for (int b = me.row; b < p.B && owner; b += kTileRows) s.c[b * kUnits + me.unit] = p.c0[b * p.H + me.j];
  for (int t = 0; t < p.T; ++t) {
    const float* h = t == 0 ? p.h0 : p.y + int64_t{t - 1} * p.B * p.H;
    for (int first = 0; first < p.B; first += kTileRows) {
      const int rows = min(p.B - first, kTileRows);
      load_h(h, p.H, first, rows, me, s);
      __syncthreads();
      multiply(weights, p.H, rows, me, s);
      __syncthreads();
      if (me.row < rows) finish(p, t, first, me, s);
    }
    cooperative_groups::this_grid().sync();
  }
  for (int b = me.row; b < p.B && owner; b += kTileRows) p.cT[b * p.H + me.j] = s.c[b * kUnits + me.unit];
}

}  // namespace

Pass v5_registers(const Problem& p) {
  const Plan plan{.grid = {.x = p.H / kUnits},
                  .block = {.x = kThreads},
                  .shared = Shared::bytes(p.H, p.B),
                  .cooperative = true};
  return [=](cudaStream_t stream) { launch_kernel("persistent", persistent, plan, stream, p); };
}

}  // namespace sluice::study
