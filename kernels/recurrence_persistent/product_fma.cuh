// A block's share of a product with R, in f32 by multiply-adds. Note [Product] in layout.h.
#pragma once

#include "kernels/recurrence_persistent/layout.h"
#include "kernels/recurrence_persistent/quad.cuh"

namespace sluice::cuda {

// The weights of one thread: register_k of its part of the sum in registers, the rest in shared memory.
//
// A warp's part of the registers' k is a run of kFixedK * lane_parts, cut into chunks of 4 dealt to its
// lanes in turn; the k in shared memory follow after all warps' registers and are cut the same way. So the
// lanes of a warp read neighbouring 16 bytes of a row, or the same ones.
template <int kFixedK, int kOutputs>
class FmaProduct {
 public:
  // weight(v, q, k): output q of group v; asked within the layout's padded k, zero outside the real one.
  template <class Weight>
  __device__ FmaProduct(const ProductLayout& layout, float* shared_weights, const Weight& weight)
      : layout_(layout),
        chunk_stride_(layout.lane_parts * 4),
        shared_weights_(reinterpret_cast<float4*>(shared_weights) + threadIdx.x) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32,
              v = lane % layout.V, part = lane / layout.V;
    first_register_k_ = warp * kFixedK * layout.lane_parts + part * 4;
    first_shared_k_ = kFixedK * layout.parts + warp * layout_.shared_k * layout.lane_parts + part * 4;
    const auto quad = [&](int q, int k) {
      return make_float4(weight(v, q, k), weight(v, q, k + 1), weight(v, q, k + 2), weight(v, q, k + 3));
    };
#pragma unroll
    for (int i = 0; i < kFixedK / 4; ++i)
#pragma unroll
      for (int q = 0; q < kOutputs; ++q) weights_[i][q] = quad(q, first_register_k_ + i * chunk_stride_);
    for (int i = 0; i < layout_.shared_k / 4; ++i)
      for (int q = 0; q < kOutputs; ++q)
        shared_weights_[(i * kOutputs + q) * kPersistentThreads] =
            quad(q, first_shared_k_ + i * chunk_stride_);
  }

  // The parts of the sums of `rows` rows of `tile`, or a few more: what is computed beyond them is nobody's.
  __device__ void multiply(int rows, const float* tile, float* partials) const {
    auto* to = reinterpret_cast<float4*>(partials);
    if (rows > 4)
      multiply<8>(tile, to);
    else if (rows > 2)
      multiply<4>(tile, to);
    else
      multiply<2>(tile, to);
  }

  // The outputs of group v of a row: the parts in their order.
  __device__ void add_sums(const float* partials, int row, int v, float (&sums)[kOutputs]) const {
    const float4* mine = reinterpret_cast<const float4*>(partials) + row * kPersistentThreads + v;
    for (int part = 0; part < layout_.parts; ++part) add_quad(sums, mine[part * layout_.V]);
  }
  // One output of a row of groups of four: the parts in their order, in four sums.
  __device__ float sum(const float* partials, int row, int output) const {
    const float* mine = partials + row * 4 * kPersistentThreads + output;
    float sums[4] = {};
    for (int part = 0; part < layout_.parts; part += 4)
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[e] += mine[(part + e) * 4 * layout_.V];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

 private:
  // This thread's part of the sums of kRows rows of `tile`, to partials[row][thread].
  template <int kRows>
  __device__ void multiply(const float* tile, float4* partials) const {
    float sums[kRows][kOutputs] = {};
#pragma unroll
    for (int i = 0; i < kFixedK / 4; ++i)
#pragma unroll
      for (int row = 0; row < kRows; ++row)
        add(sums[row], quad_at(tile, row, first_register_k_, i), weights_[i]);
    for (int i = 0; i < layout_.shared_k / 4; ++i) {
      float4 weights[kOutputs];
#pragma unroll
      for (int q = 0; q < kOutputs; ++q)
        weights[q] = shared_weights_[(i * kOutputs + q) * kPersistentThreads];
#pragma unroll
      for (int row = 0; row < kRows; ++row) add(sums[row], quad_at(tile, row, first_shared_k_, i), weights);
    }
#pragma unroll
    for (int row = 0; row < kRows; ++row)
      partials[row * kPersistentThreads + threadIdx.x] = quad_of(sums[row]);
  }

  // Chunk i of a row, from this thread's first k on.
  __device__ float4 quad_at(const float* tile, int row, int first_k, int i) const {
    return *reinterpret_cast<const float4*>(tile + first_k + i * chunk_stride_ + row * layout_.stride);
  }

  __device__ static void add(float (&sums)[kOutputs], const float4& in, const float4 (&weights)[kOutputs]) {
#pragma unroll
    for (int q = 0; q < kOutputs; ++q) {
      sums[q] = fmaf(in.x, weights[q].x, sums[q]);
      sums[q] = fmaf(in.y, weights[q].y, sums[q]);
      sums[q] = fmaf(in.z, weights[q].z, sums[q]);
      sums[q] = fmaf(in.w, weights[q].w, sums[q]);
    }
  }

  float4 weights_[kFixedK / 4][kOutputs];
  const ProductLayout layout_;  // by value: looked up once
  int first_register_k_, first_shared_k_, chunk_stride_;
  float4* shared_weights_;
};

}  // namespace sluice::cuda
