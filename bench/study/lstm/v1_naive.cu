// v1: the formulas as they stand in a book, a kernel each.
//
// Teaches: what must be computed, and what the plainest way costs.
// Maths:   pre = R h[t-1]                                        product
//          i = sigma(x_i + pre_i), f, o likewise; g = tanh(...)  activate, once for each gate, in place
//          c = f c + i g                                         update_cell
//          y[t] = o tanh(c)                                      output
// Grid:    a thread for each number that is computed, 256 threads a block.
// Bytes:   from global memory, each step: the product asks for 8 bytes a multiply-add, 8 * 4H * H * B, and is
//          served by caches at best; each kernel after it reads and writes again what the one before it had
//          in registers: 12 for each gate, 20 for c, 12 for y, 80 B H in all.
// Waste:   the 32 lanes of a warp read 32 rows of R, H floats apart: 32 cache lines for 128 bytes. 7 launches
//          a step. 80 B H bytes after the product, of which x and y are 20.
// Sync:    kernels of one stream follow each other, and each sees all that those before it wrote. Within a
//          kernel nobody reads what another thread writes.
#include "bench/study/lstm/device.cuh"

namespace sluice::study {
namespace {

constexpr int kThreads = 256;

__device__ int item() {
  return static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
}

// pre[b,q] = sum over k of h[b,k] R[q,k]; h [B,H], R [4H,H], pre [B,4H].
__global__ void __launch_bounds__(kThreads)
    product(const float* h, const float* R, float* pre, int B, int H) {
  const int i = item(), b = i / (4 * H), q = i % (4 * H);
  if (b >= B) return;
  float sum = 0;
  for (int k = 0; k < H; ++k) sum = fmaf(h[b * H + k], R[q * H + k], sum);
  pre[i] = sum;
}

// gates[b,j] = act(x[b,j] + gates[b,j]) of one gate: the slab begins at x and gates, its rows are 4H apart.
template <bool kTanh>
__global__ void __launch_bounds__(kThreads) activate(const float* x, float* gates, int B, int H) {
  const int b = item() / H, j = item() % H;
  if (b >= B) return;
  const int at = b * 4 * H + j;
  const float sum = x[at] + gates[at];
  gates[at] = kTanh ? fast_tanh(sum) : sigmoid(sum);
}

// c = f c + i g; gates [B,4H], c [B,H].
__global__ void __launch_bounds__(kThreads) update_cell(const float* gates, float* c, int B, int H) {
  const int b = item() / H, j = item() % H;
  if (b >= B) return;
  const float* row = gates + b * 4 * H + j;
  c[item()] = row[H] * c[item()] + row[0] * row[2 * H];
}

// h = o tanh(c); h [B,H].
__global__ void __launch_bounds__(kThreads)
    output(const float* gates, const float* c, float* h, int B, int H) {
  const int b = item() / H, j = item() % H;
  if (b >= B) return;
  h[item()] = gates[b * 4 * H + 3 * H + j] * fast_tanh(c[item()]);
}

dim3 blocks(int items) {
  return dim3(static_cast<unsigned>(blocks_for(items, kThreads)));
}

void step(const Problem& p, int t, float* pre, cudaStream_t stream) {
  const int H = p.H, B = p.B;
  const float* x = p.x_pre + int64_t{t} * B * 4 * H;
  float* y = p.y + int64_t{t} * B * H;
  const float* h = t == 0 ? p.h0 : y - B * H;
  launch_kernel("product", product, blocks(B * 4 * H), kThreads, 0, stream, h, p.R, pre, B, H);
  for (int gate = 0; gate < 4; ++gate)
    launch_kernel("activate", gate == 2 ? activate<true> : activate<false>, blocks(B * H), kThreads, 0,
                  stream, x + gate * H, pre + gate * H, B, H);
  launch_kernel("update_cell", update_cell, blocks(B * H), kThreads, 0, stream, pre, p.cT, B, H);
  launch_kernel("output", output, blocks(B * H), kThreads, 0, stream, pre, p.cT, y, B, H);
}

}  // namespace

Pass v1_naive(const Problem& p) {
  const std::shared_ptr<float> pre = device_array<float>(static_cast<size_t>(p.B) * 4 * p.H);
  return [=](cudaStream_t stream) {
    check_cuda("cudaMemcpyAsync",
               cudaMemcpyAsync(p.cT, p.c0, sizeof(float) * p.B * p.H, cudaMemcpyDeviceToDevice, stream));
    for (int t = 0; t < p.T; ++t) step(p, t, pre.get(), stream);
  };
}

}  // namespace sluice::study
