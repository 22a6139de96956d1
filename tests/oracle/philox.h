// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) and the masks that Note [Random masks] derives from it.
#pragma once

#include <array>
#include <cstdint>

namespace oracle {

std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The place of one random decision in a training run.
struct MaskPlace {
  uint64_t seed = 0;
  uint32_t step = 0, site = 0;  // micro-batch; place in the model
  uint32_t t = 0, row = 0, unit = 0;
};

// Whether the unit there is dropped (or, for zoneout, kept at its previous value) with probability p.
bool dropped(const MaskPlace& place, double p);

}  // namespace oracle
