// v3: a product by tiles in shared memory, and one launch of a graph for all steps.
//
// Before:  v2's product fetched both factors of every multiply-add through caches, and its lanes 32 lines at
//          a time. The host launched two kernels a step, each in more time than a small step takes.
// Teaches: (1) a tile of 32 rows of h and 32 rows of R, 32 k deep, is fetched once by neighbouring lanes from
//          neighbouring addresses and used 32 times from shared memory; a thread has 2 x 2 sums, so that a
//          value it loads serves two of them. (2) The steps' shapes and addresses are always the same: they
//          are captured once and replayed; the GPU goes from node to node without the host.
// Maths:   as v2.
// Grid:    product: a block of 16 x 16 threads for each 32 x 32 of pre. gates_and_cell: as v2.
// Bytes:   from global memory, each step: the product 4H * H * B / 4 (each h by H / 8 blocks, each R by B /
//          32), 4 bytes a multiply-add from shared memory; gates_and_cell 44 B H.
// Waste:   R is the same at every step, yet is fetched at every step; a step cannot begin before the last
//          thread of the kernel before it has ended.
// Sync:    tile: written between two barriers, after everyone's last read and before anyone's first. The
//          nodes of the graph are a chain, as the stream was that it was captured from.
#include "bench/study/lstm/device.cuh"

namespace sluice::study {
namespace {

constexpr int kSide = 16;         // threads of a block, each way
constexpr int kTile = 2 * kSide;  // rows, outputs and k of a tile
constexpr int kPad = 1;           // rows of a tile begin in different banks
constexpr int kThreads = 256;

using Tile = float[kTile][kTile + kPad];

// Rows [first, first + kTile) and columns [k0, k0 + kTile) of a [rows,H] matrix; zeros outside.
__device__ void load(Tile& tile, const float* matrix, int first, int rows, int k0, int H) {
  const int thread = static_cast<int>(threadIdx.y) * kSide + static_cast<int>(threadIdx.x);
  for (int i = thread; i < kTile * kTile; i += kSide * kSide) {
    const int row = i / kTile, k = i % kTile;
    const bool inside = first + row < rows && k0 + k < H;
    tile[row][k] = inside ? matrix[int64_t{first + row} * H + k0 + k] : 0.0f;
  }
}

// pre[b,q] = sum over k of h[b,k] R[q,k]; h [B,H], R [4H,H], pre [B,4H].
__global__ void __launch_bounds__(kSide* kSide)
    product(const float* h, const float* R, float* pre, int B, int H) {
  __shared__ Tile h_tile, R_tile;
  const int b0 = static_cast<int>(blockIdx.y) * kTile, q0 = static_cast<int>(blockIdx.x) * kTile,
            x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  float sums[2][2] = {};
  for (int k0 = 0; k0 < H; k0 += kTile) {
    load(h_tile, h, b0, B, k0, H);
    load(R_tile, R, q0, 4 * H, k0, H);
    __syncthreads();
    for (int k = 0; k < kTile; ++k) {
      const float of_h[2] = {h_tile[y][k], h_tile[y + kSide][k]};
      const float of_R[2] = {R_tile[x][k], R_tile[x + kSide][k]};
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[i / 2][i % 2] = fmaf(of_h[i / 2], of_R[i % 2], sums[i / 2][i % 2]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int b = b0 + y + i / 2 * kSide, q = q0 + x + i % 2 * kSide;
    if (b < B && q < 4 * H) pre[b * 4 * H + q] = sums[i / 2][i % 2];
  }
}

// x [B,4H] and pre [B,4H] to c [B,H] += and h [B,H] =.
__global__ void __launch_bounds__(kThreads)
    gates_and_cell(const float* x, const float* pre, float* c, float* h, int B, int H) {
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x), b = i / H, j = i % H;
  if (b >= B) return;
  const float bias[4] = {};  // is in x
  float of_x[4], of_h[4], gates[4], next[2];
#pragma unroll
  for (int q = 0; q < 4; ++q) {
    of_x[q] = x[b * 4 * H + q * H + j];
    of_h[q] = pre[b * 4 * H + q * H + j];
  }
  const float before[2] = {0.0f, c[i]};
  Lstm::forward(of_x, of_h, bias, before, gates, next);
  h[i] = next[0];
  c[i] = next[1];
}

unsigned blocks(int items, int per_block) {
  return static_cast<unsigned>(blocks_for(items, per_block));
}

void step(const Problem& p, int t, float* pre, cudaStream_t stream) {
  const int H = p.H, B = p.B;
  const float* x = p.x_pre + int64_t{t} * B * 4 * H;
  float* y = p.y + int64_t{t} * B * H;
  const float* h = t == 0 ? p.h0 : y - B * H;
  launch_kernel("product", product, dim3(blocks(4 * H, kTile), blocks(B, kTile)), dim3(kSide, kSide), 0,
                stream, h, p.R, pre, B, H);
  launch_kernel("gates_and_cell", gates_and_cell, blocks(B * H, kThreads), kThreads, 0, stream, x, pre, p.cT,
                y, B, H);
}

// What `record` puts into a stream, as a graph that can be launched again and again.
template <class Record>
std::shared_ptr<CUgraphExec_st> capture(const Record& record) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  check_cuda("cudaStreamCreate", cudaStreamCreate(&stream));
  const std::shared_ptr<CUstream_st> stream_owner(stream, [](cudaStream_t s) { cudaStreamDestroy(s); });
  check_cuda("cudaStreamBeginCapture", cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  record(stream);
  check_cuda("cudaStreamEndCapture", cudaStreamEndCapture(stream, &graph));
  const std::shared_ptr<CUgraph_st> graph_owner(graph, [](cudaGraph_t g) { cudaGraphDestroy(g); });
  check_cuda("cudaGraphInstantiate", cudaGraphInstantiate(&ready, graph, 0));
  return {ready, [](cudaGraphExec_t g) { cudaGraphExecDestroy(g); }};
}

}  // namespace

Pass v3_graph(const Problem& p) {
  const std::shared_ptr<float> pre = device_array<float>(static_cast<size_t>(p.B) * 4 * p.H);
  const auto graph = capture([&](cudaStream_t stream) {
    check_cuda("cudaMemcpyAsync",
               cudaMemcpyAsync(p.cT, p.c0, sizeof(float) * p.B * p.H, cudaMemcpyDeviceToDevice, stream));
    for (int t = 0; t < p.T; ++t) step(p, t, pre.get(), stream);
  });
  return [pre, graph](cudaStream_t stream) {
    check_cuda("cudaGraphLaunch", cudaGraphLaunch(graph.get(), stream));
  };
}

}  // namespace sluice::study
