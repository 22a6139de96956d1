// A block's share of a product with R, in f32 by multiply-adds. Note [Product] in layout.h.
#pragma once

#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

// The weights of one thread: register_k of its part of the sum in registers, the rest in shared memory.
//
// A warp's part of the registers' k is a run of kFixedK * lane_parts, cut into chunks of 4 dealt to its
// lanes in turn; the k in shared memory follow after all warps' registers and are cut the same way. So the
// lanes of a warp read neighbouring 16 bytes of a row, or the same ones.
template <int kFixedK>
class FmaProduct {
 public:
  // weight(v, q, k): output q of group v; asked within the layout's padded k, zero outside the real one.
  template <class Weight>
  __device__ FmaProduct(const ProductLayout& layout, float* shared_weights, const Weight& weight)
      : V_(layout.V),
        parts_(layout.parts()),
        shared_k_(layout.shared_k),
        chunk_stride_(layout.lane_parts() * 4),
        stride_(layout.stride()),
        shared_weights_(reinterpret_cast<float4*>(shared_weights) + threadIdx.x) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32,
              v = lane % layout.V, part = lane / layout.V;
    first_register_k_ = warp * kFixedK * layout.lane_parts() + part * 4;
    first_shared_k_ = kFixedK * layout.parts() + warp * shared_k_ * layout.lane_parts() + part * 4;
#pragma unroll
    for (int i = 0; i < kFixedK; ++i)
#pragma unroll
      for (int q = 0; q < 4; ++q)
        weights_[i][q] = weight(v, q, first_register_k_ + i / 4 * chunk_stride_ + i % 4);
    for (int i = 0; i < shared_k_; ++i) {
      const int k = first_shared_k_ + i / 4 * chunk_stride_ + i % 4;
      shared_weights_[i * kPersistentThreads] =
          make_float4(weight(v, 0, k), weight(v, 1, k), weight(v, 2, k), weight(v, 3, k));
    }
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

  // Outputs [4 v, 4 v + 4) of a row: the parts in their order.
  __device__ void four_sums(const float* partials, int row, int v, float (&sums)[4]) const {
    const float4* mine = reinterpret_cast<const float4*>(partials) + row * kPersistentThreads + v;
    for (int part = 0; part < parts_; ++part) {
      const float4 quad = mine[part * V_];
      sums[0] += quad.x, sums[1] += quad.y, sums[2] += quad.z, sums[3] += quad.w;
    }
  }
  // One output of a row: the parts in their order, in four sums.
  __device__ float sum(const float* partials, int row, int output) const {
    const float* mine = partials + row * 4 * kPersistentThreads + output;
    float sums[4] = {};
    for (int part = 0; part < parts_; part += 4)
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[e] += mine[(part + e) * 4 * V_];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

 private:
  // This thread's part of the sums of kRows rows of `tile`, to partials[row][thread].
  template <int kRows>
  __device__ void multiply(const float* tile, float4* partials) const {
    float sums[kRows][4] = {};
#pragma unroll
    for (int i = 0; i < kFixedK; i += 4) {
      const float* in = tile + first_register_k_ + i / 4 * chunk_stride_;
#pragma unroll
      for (int row = 0; row < kRows; ++row)
        add(sums[row], *reinterpret_cast<const float4*>(in + row * stride_), weights_[i], weights_[i + 1],
            weights_[i + 2], weights_[i + 3]);
    }
    const float* in = tile + first_shared_k_;
    for (int i = 0; i < shared_k_; i += 4, in += chunk_stride_) {
      float w[4][4];
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float4 quad = shared_weights_[(i + e) * kPersistentThreads];
        w[e][0] = quad.x, w[e][1] = quad.y, w[e][2] = quad.z, w[e][3] = quad.w;
      }
#pragma unroll
      for (int row = 0; row < kRows; ++row)
        add(sums[row], *reinterpret_cast<const float4*>(in + row * stride_), w[0], w[1], w[2], w[3]);
    }
#pragma unroll
    for (int row = 0; row < kRows; ++row)
      partials[row * kPersistentThreads + threadIdx.x] =
          make_float4(sums[row][0], sums[row][1], sums[row][2], sums[row][3]);
  }

  __device__ static void add(float (&sums)[4], const float4& in, const float (&w0)[4], const float (&w1)[4],
                             const float (&w2)[4], const float (&w3)[4]) {
#pragma unroll
    for (int q = 0; q < 4; ++q) {
      sums[q] = fmaf(in.x, w0[q], sums[q]);
      sums[q] = fmaf(in.y, w1[q], sums[q]);
      sums[q] = fmaf(in.z, w2[q], sums[q]);
      sums[q] = fmaf(in.w, w3[q], sums[q]);
    }
  }

  float weights_[kFixedK][4];
  int V_, parts_, first_register_k_, first_shared_k_, shared_k_, chunk_stride_, stride_;
  float4* shared_weights_;
};

}  // namespace sluice::cuda
