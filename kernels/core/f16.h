// IEEE binary16. Storage only; arithmetic is done in float.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/core/macros.h"

namespace sluice {

struct f16 {
  uint16_t bits = 0;

  f16() = default;
  // Rounds to nearest, ties to even, subnormals included; beyond 65504 (from 65520 on) infinite; NaN stays
  // NaN.
  SLUICE_HD explicit f16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));  // PTX ISA 9.7.9.22 (cvt)
#else
    bits = rounded(value);
#endif
  }
  SLUICE_HD explicit operator float() const {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    return widened(bits);
#endif
  }

 private:
  // Both by letting float arithmetic do the rounding and the normalising.
  static uint16_t rounded(float value) {
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    const uint32_t sign = word >> 16 & 0x8000u, magnitude = word & 0x7fffffffu;
    uint32_t half;
    if (magnitude > 0x7f800000u)
      half = 0x7e00u;
    else if (magnitude >= 0x47800000u)  // 65536 or more
      half = 0x7c00u;
    else if (magnitude < 0x38800000u) {  // below 2^-14: 2^-24 is one unit of the sum with 0.5
      float shifted;
      memcpy(&shifted, &magnitude, sizeof shifted);
      shifted += 0.5f;
      memcpy(&half, &shifted, sizeof half);
      half -= 0x3f000000u;
    } else  // the exponents' bases differ by 112; a carry out of 10 bits raises the exponent, up to infinity
      half = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    return static_cast<uint16_t>(sign | half);
  }
  static float widened(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    const uint32_t word = magnitude << 13 | (magnitude >= 0x7c00u ? 0x7f800000u : 0u) | sign;
    float value;
    memcpy(&value, &word, sizeof value);
    return magnitude >= 0x7c00u ? value : value * 0x1p112f;  // exact, from a subnormal float too
  }
};

}  // namespace sluice
