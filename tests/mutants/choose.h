// How the mutant is chosen: by the hash of its name, in every translation unit that holds mutants.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice::mutants {

// FNV-1a.
SLUICE_HD constexpr uint32_t hash(const char* text) {
  uint32_t state = 0x811c9dc5u;
  for (; *text; ++text) state = (state ^ static_cast<unsigned char>(*text)) * 0x01000193u;
  return state;
}

using Choose = int (*)(uint32_t);  // gives a cudaError_t
void add_translation_unit(Choose);

}  // namespace sluice::mutants
