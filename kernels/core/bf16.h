// bfloat16: the upper half of an IEEE binary32. Storage only; arithmetic is done in float.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/core/macros.h"

namespace sluice {

struct bf16 {
  uint16_t bits = 0;

  bf16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN (the quiet bit is set so that truncation cannot make it
  // infinite).
  SLUICE_HD explicit bf16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));  // PTX ISA 9.7.9.22 (cvt)
#else
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    if ((word & 0x7fffffffu) > 0x7f800000u)
      bits = static_cast<uint16_t>((word >> 16) | 0x0040u);
    else
      bits = static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
#endif
  }
  SLUICE_HD explicit operator float() const {
    const uint32_t word = static_cast<uint32_t>(bits) << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
  }
};

}  // namespace sluice
