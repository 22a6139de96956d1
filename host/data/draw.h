// Random choices of the data side: pure functions of a seed and of what is being chosen, alike on every
// machine.
#pragma once

#include <cstdint>

#include "kernels/core/philox.h"

namespace sluice {

enum class Draw : uint32_t { validation_split, document_order, batch_order };

// Uniform in [0, n), n > 0 (bias below n / 2^64), for choice `index` of pass `pass`.
inline uint64_t draw_below(uint64_t n, uint64_t seed, Draw purpose, uint64_t index, uint32_t pass = 0) {
  const PhiloxBlock block = philox(seed, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                                   pass, 0xD0000000u + static_cast<uint32_t>(purpose));
  const uint64_t word = uint64_t{block.word[1]} << 32 | block.word[0];
  // The high half of word * n, from 32-bit halves: ISO C++ has no 128-bit product.
  const uint64_t low = (word & 0xffffffffu) * (n & 0xffffffffu);
  const uint64_t middle_a = (word >> 32) * (n & 0xffffffffu) + (low >> 32);
  const uint64_t middle_b = (word & 0xffffffffu) * (n >> 32) + (middle_a & 0xffffffffu);
  return (word >> 32) * (n >> 32) + (middle_a >> 32) + (middle_b >> 32);
}

}  // namespace sluice
