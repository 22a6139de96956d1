// Put before every kernel that is compiled for the mutants (-include): SLUICE_MUTANT(name) then asks, while
// the kernel runs, whether `name` is the mutant that was chosen.
#pragma once

#include <cuda_runtime.h>

#include "tests/mutants/choose.h"

namespace sluice::mutants {

template <uint32_t hash>
struct Name {
  static constexpr uint32_t kHash = hash;
};

// Each translation unit has its own of both.
static __device__ uint32_t chosen;

static int choose(uint32_t mutant) {
  return cudaMemcpyToSymbol(chosen, &mutant, sizeof mutant);
}

static const bool kAdded = (add_translation_unit(choose), true);

}  // namespace sluice::mutants

#define SLUICE_MUTANT(name) \
  (::sluice::mutants::chosen == ::sluice::mutants::Name<::sluice::mutants::hash(#name)>::kHash)
