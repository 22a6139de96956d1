// Division by a number that is known before a kernel starts: a multiplication and a shift, where an integer
// division takes some thirty instructions.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice {

// For 0 <= n < kMost and 1 <= d < kMost: the multiplier is less than d too large by 2^-31, and n d < 2^31
// (Granlund and Montgomery, PLDI 1994).
struct Divisor {
  static constexpr int kMost = 1 << 15;

  int d = 1;
  uint32_t multiplier = uint32_t{1} << 31;

  Divisor() = default;
  explicit constexpr Divisor(int by)
      : d(by),
        multiplier(((uint32_t{1} << 31) + static_cast<uint32_t>(by) - 1) / static_cast<uint32_t>(by)) {}

  SLUICE_HD int of(int n) const {
    return static_cast<int>(uint64_t{static_cast<uint32_t>(n)} * multiplier >> 31);
  }
  SLUICE_HD int rest(int n) const { return n - of(n) * d; }
};

}  // namespace sluice
