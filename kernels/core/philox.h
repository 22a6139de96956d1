// Philox4x32-10: a counter-based random generator, the same bits on every device and for any order of
// evaluation. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice {

struct PhiloxBlock {
  uint32_t word[4];
};

SLUICE_HD PhiloxBlock philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * c0;
    const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

// Note [Random masks]
// Every random mask of a training step is a pure function of (seed, step, site, t, row, unit): the key is the
// seed, the counter is {unit / 4, row, t, step * 256 + site} and the word is unit % 4. `row` is a sequence's
// place in its batch (or a distinct token's), `site` numbers the places of a model that draw masks, `step`
// counts micro-batches. Nothing is stored.
struct MaskStream {
  uint64_t seed = 0;
  uint32_t step = 0;                   // < 2^24
  uint32_t site = 0;                   // < 256
  const uint32_t* step_now = nullptr;  // where the step is kept in place of `step`, or null

  // The four words of units [4 * quad, 4 * quad + 4).
  SLUICE_HD PhiloxBlock quad(uint32_t quad_index, uint32_t row, uint32_t t) const {
    return philox(seed, quad_index, row, t, (step_now ? *step_now : step) * 256u + site);
  }
  SLUICE_HD uint32_t word(uint32_t unit, uint32_t row, uint32_t t) const {
    return quad(unit / 4, row, t).word[unit % 4];
  }
};

// A unit is dropped where its word is below the threshold: probability p to within 2^-32.
SLUICE_HD uint32_t drop_threshold(double p) {
  return p <= 0 ? 0u : p >= 1 ? 0xffffffffu : static_cast<uint32_t>(p * 4294967296.0);
}

// Uniform in [0, 1) with 24 bits, exact in float.
SLUICE_HD float uniform24(uint32_t word) {
  return static_cast<float>(word >> 8) * (1.0f / 16777216.0f);
}

}  // namespace sluice
