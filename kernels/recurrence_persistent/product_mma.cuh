// A block's share of a product with R, in bf16 or f16 by tensor cores. Note [Product] in layout.h.
#pragma once

#include <type_traits>

#include "kernels/core/arithmetic.h"
#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/layout.h"
#include "kernels/recurrence_persistent/quad.cuh"

namespace sluice::cuda {

// sums += A B of a warp: A [16,16] of outputs and k, B [16,8] of k and rows. PTX ISA, "Matrix fragments for
// mma.m16n8k16 with floating point type": lane = 4 g + i holds A[g and g + 8, k], B[k, g] for k = 2i, 2i + 1,
// 2i + 8, 2i + 9, and of sums the outputs g and g + 8 of rows 2i and 2i + 1.
template <class T>
__device__ void mma(float (&sums)[4], uint4 a, uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, bf16>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
}

// The weights of one warp: 16 outputs and a part of the sum, register_k of it in registers and the rest in
// shared memory, where a lane loads its fragment by 128 bits.
//
// A sum's order is free, so a step's k are dealt to the lanes by what loads of 128 bits give: of the kMmaK =
// 32 from k on, lane i of four has [k + 8i, k + 8i + 8) of each row, four of them for either of two steps.
// The weights are laid out the same way. Four chains of steps hide each other's latency.
template <class T, int kFixedK>
class MmaProduct {
 public:
  // weight(v, q, k): output q of group v; asked within the layout's padded k, zero outside the real one.
  template <class Weight>
  __device__ MmaProduct(const ProductLayout& layout, float* shared_weights, const Weight& weight)
      : layout_(layout),
        row_start_(min(lane() / 4, layout.tile_rows - 1) * layout.stride),
        shared_weights_(reinterpret_cast<uint4*>(shared_weights) + threadIdx.x) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    part_ = warp / layout.output_tiles;
    first_output_ = warp % layout.output_tiles * 16 + lane() / 4;
    first_k_ = part_ * layout.part_k() + lane() % 4 * 8;
#pragma unroll
    for (int i = 0; i < kFixedK / kMmaK; ++i)
#pragma unroll
      for (int step = 0; step < 2; ++step)
        weights_[i][step] = i * kMmaK < layout_.register_k
                                ? fragment(weight, layout.V, first_k_ + i * kMmaK + 4 * step)
                                : uint4{};
    for (int i = 0; i < layout_.shared_k / kMmaK; ++i)
      for (int step = 0; step < 2; ++step)
        shared_weights_[(2 * i + step) * kPersistentThreads] =
            fragment(weight, layout.V, first_k_ + layout_.register_k + i * kMmaK + 4 * step);
  }

  // The parts of the sums of 8 rows of `tile`: what is computed beyond `rows` is nobody's.
  __device__ void multiply(int /*rows*/, const T* tile, float* partials) const {
    float sums[4][4] = {};
    const auto* in = reinterpret_cast<const uint4*>(tile + row_start_ + first_k_);
    const int register_k = layout_.register_k;
#pragma unroll
    for (int i = 0; i < kFixedK / kMmaK; ++i)
      if (i * kMmaK < register_k)
        add(sums[i % 2], sums[2 + i % 2], weights_[i][0], weights_[i][1], in[i * (kMmaK / 8)]);
    in += register_k / 8;
    const uint4* weights = shared_weights_;
    for (int i = layout_.shared_k; i > 0; i -= kMmaK, in += kMmaK / 8, weights += 2 * kPersistentThreads)
      add(sums[0], sums[2], weights[0], weights[kPersistentThreads], *in);
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[0][i] = (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]);
    float* to = partials + (part_ * kMaxTileRows + lane() % 4 * 2) * layout_.sums_stride + first_output_;
    to[0] = sums[0][0];
    to[layout_.sums_stride] = sums[0][1];
    to[8] = sums[0][2];
    to[layout_.sums_stride + 8] = sums[0][3];
  }

  // The first outputs of group v of a row: the parts in their order.
  template <int kOutputs>
  __device__ void add_sums(const float* partials, int row, int v, float (&sums)[kOutputs]) const {
    for (int part = 0; part < layout_.parts; ++part)
      add_quad(sums, *reinterpret_cast<const float4*>(at(partials, part, row) + 4 * v));
  }
  // One output of a row.
  __device__ float sum(const float* partials, int row, int output) const {
    float sum = 0;
    for (int part = 0; part < layout_.parts; ++part) sum += at(partials, part, row)[output];
    return sum;
  }

 private:
  __device__ static int lane() {
    return static_cast<int>(threadIdx.x) % 32;
  }

  __device__ const float* at(const float* partials, int part, int row) const {
    return partials + (part * kMaxTileRows + row) * layout_.sums_stride;
  }

  // This lane's part of A, of outputs first_output_ and 8 more, at k, k + 1 and k + 2, k + 3.
  template <class Weight>
  __device__ uint4 fragment(const Weight& weight, int V, int k) const {
    const auto pair = [&](int output, int at_k) -> uint32_t {
      if (output >= 4 * V) return 0;
      const T low = weight(output / 4, output % 4, at_k), high = weight(output / 4, output % 4, at_k + 1);
      return low.bits | uint32_t{high.bits} << 16;
    };
    const int output = first_output_, other = first_output_ + (SLUICE_MUTANT(mma_output_twice) ? 0 : 8);
    return {pair(output, k), pair(other, k), pair(output, k + 2), pair(other, k + 2)};
  }

  // By value, which a load of 128 bits gives: of a reference each part would be loaded by itself.
  __device__ static void add(float (&sums)[4], float (&others)[4], uint4 even, uint4 odd, uint4 in) {
    mma<T>(sums, even, in.x, in.y);
    mma<T>(others, odd, in.z, in.w);
  }

  uint4 weights_[kFixedK / kMmaK][2];
  const ProductLayout layout_;  // by value: looked up once
  int row_start_;               // of this lane's row of B; a tile of fewer rows has its last one often
  uint4* shared_weights_;
  int part_, first_output_, first_k_;
};

}  // namespace sluice::cuda
