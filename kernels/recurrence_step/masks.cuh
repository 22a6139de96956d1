// The random masks of a recurrence for W neighbouring units of one sequence. Note [Random masks] in
// kernels/core/philox.h: a mask is a function of its place, so nothing is stored.
#pragma once

#include "kernels/core/mutant.h"
#include "kernels/core/vec.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

// words[i] is that of unit j + i; j is a multiple of W, W of 1, 2, 4: one Philox block serves them all.
template <int W>
__device__ Vec<uint32_t, W> mask_words(const MaskStream& stream, int j, int b, int t) {
  static_assert(W == 1 || W == 2 || W == 4);
  const PhiloxBlock block =
      stream.quad(static_cast<uint32_t>(j / 4), static_cast<uint32_t>(b), static_cast<uint32_t>(t));
  Vec<uint32_t, W> words;
#pragma unroll
  for (int i = 0; i < W; ++i) {
    const int k = j % 4 + i;  // selects, not an index: an array that is indexed leaves the registers
    words.at[i] = k == 0 ? block.word[0] : k == 1 ? block.word[1] : k == 2 ? block.word[2] : block.word[3];
  }
  return words;
}

// 0 or 1/(1-p) for each unit. The mask is the same at every step: t is 0.
template <int W, class T>
__device__ Vec<T, W> draw(const DropoutMask<T>& mask, int j, int b) {
  const Vec<uint32_t, W> words = mask_words<W>(mask.stream, j, SLUICE_MUTANT(mask_counter) ? b + 1 : b, 0);
  Vec<T, W> factors;
#pragma unroll
  for (int i = 0; i < W; ++i) factors.at[i] = words.at[i] >= mask.threshold ? mask.scale : T(0);
  return factors;
}

template <int W, class T>
__device__ Vec<T, W> draw(const ZoneoutMask<T>& mask, int j, int b, int t) {
  Vec<T, W> shares;
  if (mask.threshold == 0) {
#pragma unroll
    for (int i = 0; i < W; ++i) shares.at[i] = mask.share;
    return shares;
  }
  const Vec<uint32_t, W> words = mask_words<W>(mask.stream, j, b, SLUICE_MUTANT(zoneout_counter) ? t + 1 : t);
#pragma unroll
  for (int i = 0; i < W; ++i) shares.at[i] = words.at[i] < mask.threshold ? T(1) : T(0);
  return shares;
}

}  // namespace sluice::cuda
