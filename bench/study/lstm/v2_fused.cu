// v2: everything after the product in one kernel.
//
// Before:  v1 wrote each gate to global memory and read it again, four times over: 80 bytes and six launches
//          a step for a few dozen operations on each unit.
// Teaches: what one thread needs, one thread does. A unit's gates, c and h depend on that unit's four sums
//          alone, so they never leave registers: six kernels become one. The cell is Lstm::forward of
//          kernels/cells, the same code that the CPU runs.
// Maths:   pre = R h[t-1]                                    product, as in v1
//          i, f, g, o = act(x + pre); c = f c + i g; y[t] = o tanh(c)   gates_and_cell
// Grid:    product: a thread for each sum. gates_and_cell: a thread for each unit of each row. 256 threads.
// Bytes:   from global memory, each step: the product 8 * 4H * H * B, as in v1; then 44 B H: x 16, pre 16, c
//          in and out 8, y 4. (Training would also keep the gates and c, 20 more.)
// Waste:   the product is untouched, and it is nearly all of the time.
// Sync:    as v1: the order of the stream. c is updated in place by the one thread that owns it.
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

// x [B,4H] and pre [B,4H] to c [B,H] += and h [B,H] =.
__global__ void __launch_bounds__(kThreads)
    gates_and_cell(const float* x, const float* pre, float* c, float* h, int B, int H) {
  const int i = item(), b = i / H, j = i % H;
  if (b >= B) return;
  const float bias[4] = {};  // is in x
  float of_x[4], of_h[4], gates[4], next[2];
#pragma unroll
  for (int q = 0; q < 4; ++q) {
    of_x[q] = x[b * 4 * H + q * H + j];
    of_h[q] = pre[b * 4 * H + q * H + j];
  }
  const float before[2] = {0.0f, c[i]};  // h itself is not read by an LSTM's cell
  Lstm::forward(of_x, of_h, bias, before, gates, next);
  h[i] = next[0];
  c[i] = next[1];
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
  launch_kernel("gates_and_cell", gates_and_cell, blocks(B * H), kThreads, 0, stream, x, pre, p.cT, y, B, H);
}

}  // namespace

Pass v2_fused(const Problem& p) {
  const std::shared_ptr<float> pre = device_array<float>(static_cast<size_t>(p.B) * 4 * p.H);
  return [=](cudaStream_t stream) {
    check_cuda("cudaMemcpyAsync",
               cudaMemcpyAsync(p.cT, p.c0, sizeof(float) * p.B * p.H, cudaMemcpyDeviceToDevice, stream));
    for (int t = 0; t < p.T; ++t) step(p, t, pre.get(), stream);
  };
}

}  // namespace sluice::study
