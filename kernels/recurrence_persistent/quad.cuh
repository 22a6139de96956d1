// Sums of a group's outputs, three or four, as the quad that they travel in.
#pragma once

namespace sluice::cuda {

// By value, which a load of 128 bits gives: of a reference each part would be loaded by itself.
template <int kOutputs>
__device__ void add_quad(float (&sums)[kOutputs], float4 quad) {
  static_assert(kOutputs == 3 || kOutputs == 4);
  sums[0] += quad.x, sums[1] += quad.y, sums[2] += quad.z;
  if constexpr (kOutputs == 4) sums[3] += quad.w;
}

template <int kOutputs>
__device__ float4 quad_of(const float (&sums)[kOutputs]) {
  if constexpr (kOutputs == 4)
    return make_float4(sums[0], sums[1], sums[2], sums[3]);
  else
    return make_float4(sums[0], sums[1], sums[2], 0.0f);
}

}  // namespace sluice::cuda
