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

static __device__ uint32_t chosen;  // each translation unit has its own

struct TranslationUnit {
  TranslationUnit() {
    add_translation_unit(
        [](uint32_t mutant) -> int { return cudaMemcpyToSymbol(chosen, &mutant, sizeof mutant); });
  }
};
static const TranslationUnit kTranslationUnit;

}  // namespace sluice::mutants

#define SLUICE_MUTANT(name) \
  (::sluice::mutants::chosen == ::sluice::mutants::Name<::sluice::mutants::hash(#name)>::kHash)
