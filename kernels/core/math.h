// Elementary functions in a form that vectorises on the CPU: no call, no table, no branch.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/core/macros.h"

namespace sluice {

// e^x in f32 by range reduction x = n ln 2 + r, |r| <= ln2/2, and a degree-6 polynomial of e^r; relative
// error below 2e-7. n is clamped to [-126, 127]: results stay normal and positive for |x| < 1e12; NaN and
// infinite x give NaN. (Clamping integers: GCC turns a clamp of floats that must keep NaN into compares and
// masks, which cost as much as all the rest.)
SLUICE_HD float fast_exp(float x) {
#ifdef __CUDA_ARCH__
  return expf(x);
#else
  const float shifted =
      x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts
  float p = 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  constexpr int32_t kZero = 0x4B400000;  // the bits of 1.5 * 2^23: n = 0
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = bits < kZero - 126 ? kZero - 126 : bits;
  bits = bits > kZero + 127 ? kZero + 127 : bits;
  const int32_t scale_bits = (bits + 127) << 23;  // what is not n is shifted out
  float scale;
  memcpy(&scale, &scale_bits, sizeof scale);
  return p * scale;
#endif
}
SLUICE_HD double fast_exp(double x) {
  return exp(x);
}

// 1 / x, x at least 1: on a GPU to one unit in the last place, without the branch that a division has there.
SLUICE_HD float reciprocal(float x) {
#ifdef __CUDA_ARCH__
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return 1.0f / x;
#endif
}
SLUICE_HD double reciprocal(double x) {
  return 1.0 / x;
}

template <class T>
SLUICE_HD T sigmoid(T x) {
  return reciprocal(T(1) + fast_exp(-x));
}

// tanh x = 2 sigmoid(2x) - 1, with the odd series near zero, where the subtraction would cancel.
SLUICE_HD float fast_tanh(float x) {
  const float x2 = x * x;
  const float small =
      x * (1.0f + x2 * (-1.0f / 3 + x2 * (2.0f / 15 + x2 * (-17.0f / 315 + x2 * (62.0f / 2835)))));
  const float large = 2.0f * reciprocal(1.0f + fast_exp(-2.0f * x)) - 1.0f;
  return x2 < 0.09f ? small : large;
}
SLUICE_HD double fast_tanh(double x) {
  return tanh(x);
}

}  // namespace sluice
